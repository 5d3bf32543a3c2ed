import copy
import io
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmengine.logging.history_buffer import HistoryBuffer

number = st.floats(-1e3, 1e3, width=32)
as_kind = st.sampled_from(
    [
        float,
        np.float32,
        np.array,
        lambda x: np.array([x]),
        torch.tensor,
        lambda x: torch.tensor([x], dtype=torch.float64),
        lambda x: torch.tensor(x, requires_grad=True) * 1,
    ]
)
entries = st.lists(st.tuples(number, st.integers(1, 5), as_kind), min_size=1, max_size=60)


@settings(deadline=None)
@given(entries, st.integers(1, 70), st.integers(1, 70), st.sets(st.integers(0, 60)))
def test_equals_numpy_for_any_mixture_of_kinds_and_reads(items, window, max_length, reads) -> None:
    buffer = HistoryBuffer(max_length=max_length)
    for index, (value, count, kind) in enumerate(items):
        if index in reads:
            len(buffer.data[0])  # reading in between changes nothing
        buffer.update(kind(value), count)
    values = np.array([value for value, _, _ in items])[-max_length:]
    counts = np.array([count for _, count, _ in items], dtype=float)[-max_length:]
    history, history_counts = buffer.data
    assert history.dtype == history_counts.dtype == np.float64
    np.testing.assert_array_equal(history, values)
    np.testing.assert_array_equal(history_counts, counts)
    near, weights = values[-window:], counts[-window:]
    np.testing.assert_allclose(buffer.mean(window), np.average(near, weights=weights), atol=1e-9)
    np.testing.assert_allclose(buffer.mean(), np.average(values, weights=counts), atol=1e-9)
    assert buffer.max(window) == near.max() and buffer.min(window) == near.min()
    assert buffer.current() == values[-1]


def test_updates_wait_for_nothing_and_drop_the_graph() -> None:
    class Fragile(torch.Tensor):
        is_cpu = False  # as a tensor on an accelerator; one in host memory is read at once

        def item(self):
            raise AssertionError('update() must not read the tensor')

        cpu = tolist = numpy = __float__ = item

    buffer = HistoryBuffer()
    weight = torch.ones((), requires_grad=True)
    buffer.update((weight * 2).as_subclass(Fragile))
    pending = buffer._pending[0]
    assert isinstance(pending, torch.Tensor) and not pending.requires_grad


def test_values_that_change_in_place_later_are_kept_as_they_were() -> None:
    buffer = HistoryBuffer()
    running, parameter = torch.zeros(()), torch.zeros((), requires_grad=True)
    for _ in range(3):
        buffer.update(running)
        buffer.update(parameter)
        running += 1
        with torch.no_grad():
            parameter.add_(1)
    assert buffer.data[0].tolist() == [0, 0, 1, 1, 2, 2]


def test_pending_values_are_bounded_and_all_dtypes_mix() -> None:
    buffer = HistoryBuffer()
    dtypes = (torch.float32, torch.bfloat16, torch.float16, torch.int64, torch.bool)
    for index in range(2500):
        buffer.update(torch.ones((), dtype=dtypes[index % 5]) if index % 7 else 1.0)
        assert len(buffer._pending) < 1000
    assert buffer.data[0].sum() == 2500
    assert repr(buffer) == 'HistoryBuffer(2500 values)'


def test_what_was_read_stays_as_it_was() -> None:
    buffer = HistoryBuffer(max_length=3)
    buffer.update(1)
    seen, snapshot = buffer.data[0], buffer.snapshot()
    for value in range(5000):
        buffer.update(value)
    buffer.mean()
    assert seen.tolist() == [1] == snapshot.data[0].tolist()
    snapshot.update(2)
    assert snapshot.data[0].tolist() == [1, 2] and buffer.data[0].tolist() == [4997, 4998, 4999]


@pytest.mark.parametrize('wrong', ['1', None, [1.0], np.zeros(2), torch.zeros(2), torch.zeros(0), 1j, np.array('a')])
def test_only_scalars(wrong) -> None:
    with pytest.raises(TypeError, match='scalar should be'):
        HistoryBuffer().update(wrong)
    with pytest.raises(TypeError, match='count'):
        HistoryBuffer().update(1.0, '1')


def test_empty_and_unweighted() -> None:
    buffer = HistoryBuffer()
    assert np.isnan(buffer.mean())
    for method in (buffer.max, buffer.min, buffer.current):
        with pytest.raises(ValueError, match='empty'):
            method()
    buffer.update(3.0, count=0)
    assert np.isnan(buffer.mean()) and buffer.current() == 3
    with pytest.raises(ValueError, match='window_size'):
        buffer.max(-1)
    with pytest.raises(ValueError, match='equally long'):
        HistoryBuffer([1, 2], [1])


def test_statistics() -> None:
    buffer = HistoryBuffer([1, 2, 3], [1, 1, 1])
    assert buffer.statistics('mean', 2) == 2.5 and buffer.statistics('current') == 3
    try:

        @HistoryBuffer.register_statistics
        def spread(self, window_size: int, *, scale: float) -> float:
            return scale * np.ptp(self._log_history[-window_size:])

        assert buffer.statistics('spread', 3, scale=2) == 4
        assert 'spread' in buffer.statistics_methods
        with pytest.raises(ValueError, match='registered already'):

            def other(self) -> None: ...

            other.__name__ = 'spread'
            HistoryBuffer.register_statistics(other)
    finally:
        HistoryBuffer._statistics_methods.pop('spread', None)
    with pytest.raises(KeyError, match="did you mean 'mean'"):
        buffer.statistics('maen')


def test_state_is_plain_and_pickles_to_an_equal_buffer() -> None:
    buffer = HistoryBuffer(max_length=10)
    buffer.update(torch.tensor(1.5), 2)
    state = buffer.__getstate__()
    assert set(state) == {'max_length', '_log_history', '_count_history', 'statistics_methods'}
    assert {type(value) for value in state.values()} == {int, np.ndarray, dict}
    for copied in (pickle.loads(pickle.dumps(buffer)), copy.deepcopy(buffer)):
        copied.update(2)
        assert copied.data[0].tolist() == [1.5, 2] and copied.max_length == 10
    assert buffer.data[0].tolist() == [1.5]


def test_loads_with_weights_only() -> None:
    file = io.BytesIO()
    buffer = HistoryBuffer([1, 2], [3, 4])
    torch.save({'buffer': buffer}, file)
    file.seek(0)
    multiarray = np._core.multiarray
    allowed = [HistoryBuffer, multiarray._reconstruct, np.ndarray, np.dtype, np.dtypes.Float64DType]
    with torch.serialization.safe_globals(allowed):
        loaded = torch.load(file, weights_only=True)['buffer']
    loaded.update(5)
    assert loaded.data[0].tolist() == [1, 2, 5] and loaded.mean(1) == 5


class _PublishedBuffer:
    """Pickles as the buffers in published checkpoints do: with functions of the class in its state."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def __reduce__(self):
        state = {
            'max_length': 1000000,
            '_log_history': self.values,
            '_count_history': np.ones(len(self.values), dtype=np.int64),
            'statistics_methods': {'min': HistoryBuffer.min, 'mean': HistoryBuffer.mean},
        }
        return HistoryBuffer.__new__, (HistoryBuffer,), state


@pytest.mark.parametrize('dtype', [np.int64, np.float64])
def test_loads_the_published_format(dtype) -> None:
    data = pickle.dumps(_PublishedBuffer(np.array([1, 2, 3], dtype)), protocol=2)
    loaded = pickle.loads(data)
    loaded.update(4.5)
    assert loaded.data[0].tolist() == [1, 2, 3, 4.5] and loaded.statistics('mean', 2) == 3.75
