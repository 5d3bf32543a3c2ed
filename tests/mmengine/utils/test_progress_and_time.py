import io

import pytest

from mmengine.utils import (
    ProgressBar,
    Timer,
    TimerError,
    check_time,
    track_iter_progress,
    track_parallel_progress,
    track_progress,
    track_progress_rich,
)


def test_bar() -> None:
    out = io.StringIO()
    bar = ProgressBar(3, file=out)
    bar.update()
    bar.update(2)
    lines = out.getvalue().split('\r')
    assert lines[0].startswith('[') and '0/3' in lines[0]
    assert '1/3' in lines[1] and '3/3' in lines[2] and 'task/s' in lines[2]
    assert lines[1].count('>') < lines[2].count('>')
    with pytest.raises(ValueError):
        bar.update(0)


def test_bar_of_unknown_length() -> None:
    out = io.StringIO()
    bar = ProgressBar(file=out)
    bar.update()
    assert 'completed: 1' in out.getvalue() and '[' not in out.getvalue()


def test_bar_writes_to_the_present_stdout(capsys) -> None:
    ProgressBar(2).update()
    assert '1/2' in capsys.readouterr().out


def test_track_progress() -> None:
    out = io.StringIO()
    assert track_progress(pow, [2, 3], file=out, exp=2) == [4, 9]
    assert track_progress(abs, (iter([-1, 2]), 2), file=out) == [1, 2]
    assert list(track_iter_progress([1, 2], file=out)) == [1, 2]
    assert out.getvalue().endswith('\n')
    with pytest.raises(TypeError, match='tasks'):
        track_progress(abs, 3)


@pytest.mark.parametrize('skip_first', [False, True])
def test_track_parallel_progress(skip_first: bool) -> None:
    out = io.StringIO()
    tasks = [-1, -2, -3, -4]
    assert track_parallel_progress(abs, tasks, 2, file=out, skip_first=skip_first) == [1, 2, 3, 4]
    assert sorted(track_parallel_progress(abs, tasks, 2, file=out, keep_order=False)) == [1, 2, 3, 4]
    assert '4/4' in out.getvalue()


def _fail_on_two(value: int) -> int:
    if value == 2:
        raise KeyError('two')
    return value


@pytest.mark.parametrize('nproc', [1, 2])
def test_track_progress_rich(nproc: int, capsys) -> None:
    assert track_progress_rich(abs, [-1, 2], nproc=nproc) == [1, 2]
    assert track_progress_rich(max, [(1, 2), (4, 3)], nproc=nproc) == [2, 4]
    assert '2/2' in capsys.readouterr().out
    assert track_progress_rich(dict, task_num=2, nproc=nproc) == [{}, {}]
    assert track_progress_rich(abs, iter([-1, 2]), nproc=nproc) == [1, 2]
    with pytest.raises(KeyError, match='two'):
        track_progress_rich(_fail_on_two, [1, 2], nproc=nproc)


def test_track_progress_rich_arguments() -> None:
    with pytest.raises(ValueError, match='task_num is 3'):
        track_progress_rich(abs, [1, 2], task_num=3)
    with pytest.raises(ValueError, match='task_num'):
        track_progress_rich(abs)
    with pytest.raises(ValueError, match='nproc'):
        track_progress_rich(abs, [1], nproc=0)
    with pytest.raises(TypeError):
        track_progress_rich(abs, 3)


def test_timer(capsys, monkeypatch) -> None:
    now = iter([10.0, 11.0, 12.5, 14.0, 20.0, 23.0])
    monkeypatch.setattr('mmengine.utils.timer.perf_counter', lambda: next(now))
    timer = Timer()
    assert timer.is_running
    assert timer.since_start() == 1.0
    assert timer.since_last_check() == 1.5
    assert timer.since_start() == 4.0
    with Timer(start=False, print_tmpl='{:.1f} s'):
        pass
    assert capsys.readouterr().out == '3.0 s\n'


def test_timer_that_does_not_run() -> None:
    with pytest.raises(TimerError, match='not running'):
        Timer(start=False).since_start()
    assert check_time('some id') == 0
    assert check_time('some id') > 0
