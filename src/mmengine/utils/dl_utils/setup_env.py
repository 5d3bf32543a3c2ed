"""Threads and start method of worker processes."""

import multiprocessing
import os
import sys
import warnings


def set_multi_processing(mp_start_method: str = 'fork', opencv_num_threads: int = 0, distributed: bool = False) -> None:
    """Set the start method of processes and the threads of OpenCV (0: none beside the caller's).

    When `distributed`, `OMP_NUM_THREADS` and `MKL_NUM_THREADS` become 1 unless they are set: one process a
    device with workers of its own leaves no cores for more.
    """
    if sys.platform != 'win32':
        current = multiprocessing.get_start_method(allow_none=True)
        if current not in (None, mp_start_method):
            warnings.warn(
                f'the start method of processes changes from {current!r} to {mp_start_method!r}, as '
                'mp_start_method in env_cfg.mp_cfg asks for',
                stacklevel=2,
            )
        multiprocessing.set_start_method(mp_start_method, force=True)

    import cv2

    cv2.setNumThreads(opencv_num_threads)
    if distributed:
        os.environ.setdefault('OMP_NUM_THREADS', '1')
        os.environ.setdefault('MKL_NUM_THREADS', '1')
