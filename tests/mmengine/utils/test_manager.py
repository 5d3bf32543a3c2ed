import threading
import time

import pytest

from mmengine.utils import ManagerMixin


def test_instances_by_name() -> None:
    class Thing(ManagerMixin):
        def __init__(self, name: str = '', value: int = 1) -> None:
            super().__init__(name)
            self.value = value

    class Other(Thing):
        pass

    with pytest.raises(RuntimeError, match='get_instance'):
        Thing.get_current_instance()
    first = Thing.get_instance('a', value=3)
    assert first.value == 3 and first.instance_name == 'a'
    assert Thing.get_instance('a') is first
    second = Thing.get_instance('b')
    Thing.get_instance('a')
    assert Thing.get_current_instance() is second  # the one made last, not the one found last
    assert Thing.check_instance_created('a') and not Other.check_instance_created('a')
    with pytest.warns(UserWarning, match="no effect of the arguments \\['value'\\]"):
        assert Thing.get_instance('a', value=5).value == 3


def test_names_are_required() -> None:
    class Thing(ManagerMixin):
        pass

    with pytest.raises(TypeError):
        Thing.get_instance(3)
    with pytest.raises(ValueError):
        Thing()
    with pytest.raises(TypeError, match='`name`'):

        class Nameless(ManagerMixin):
            def __init__(self, x: int) -> None: ...


def test_a_failing_constructor_leaves_the_lock_free() -> None:
    class Thing(ManagerMixin):
        def __init__(self, name: str, fail: bool = False) -> None:
            super().__init__(name)
            if fail:
                raise RuntimeError('no')

    with pytest.raises(RuntimeError, match='no'):
        Thing.get_instance('a', fail=True)
    made = []
    thread = threading.Thread(target=lambda: made.append(Thing.get_instance('a')))
    thread.start()
    thread.join(timeout=5)
    assert made and made[0].instance_name == 'a'


def test_threads_share_one_instance() -> None:
    class Slow(ManagerMixin):
        def __init__(self, name: str) -> None:
            time.sleep(0.02)
            super().__init__(name)

    made = []
    threads = [threading.Thread(target=lambda: made.append(Slow.get_instance('a'))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 4 and len(set(map(id, made))) == 1
