import numpy as np
import pytest

from mmcv.transforms import Compose, KeyMapper, RandomApply, RandomChoice, TransformBroadcaster


def add_one(results):
    return {**results, 'v': results['v'] + 1, 'extra': 9}


def drop(results):
    return None


def sample():
    return {'a': 1, 'b': 2, 's': [5, 6]}


def test_compose_stops_where_a_sample_is_dropped():
    assert Compose([add_one, add_one])({'v': 0})['v'] == 2
    assert Compose([drop, add_one])({'v': 0}) is None
    assert Compose({'type': 'Normalize', 'mean': [0], 'std': [1]}).transforms[0].to_rgb
    assert len(list(Compose(add_one))) == 1
    with pytest.raises(TypeError, match='int'):
        Compose([3])


@pytest.mark.parametrize(
    ('kwargs', 'changed'),
    [
        ({'mapping': {'v': 'a'}}, {'a': 2}),
        ({'mapping': {'v': 'a'}, 'auto_remap': True}, {'a': 2}),
        ({'mapping': {'v': 'a'}, 'auto_remap': False}, {'v': 2, 'extra': 9}),
        ({'mapping': {'v': 'a'}, 'remapping': {'v': 'q', 'extra': 'e'}}, {'q': 2, 'e': 9}),
        ({'mapping': {'v': 'a'}, 'remapping': {'v': 'a', 'extra': ...}}, {'a': 2}),
    ],
)
def test_key_mapper(kwargs, changed):
    assert KeyMapper([add_one], **kwargs)(sample()) == {**sample(), **changed}


def test_key_mapper_nests_and_hides():
    seen = {}

    def look(results):
        seen.update(results)
        return {'v': {'x': 10, 'y': [20]}}

    out = KeyMapper([look], mapping={'v': {'x': 'a', 'y': ['b']}, 's': ...})(sample())
    assert seen['v'] == {'x': 1, 'y': [2]} and 's' not in seen
    assert out == {'a': 10, 'b': 20, 's': [5, 6]}


def test_key_mapper_errors():
    with pytest.raises(ValueError, match='auto_remap'):
        KeyMapper([add_one], mapping={'v': 'a'}, remapping={'v': 'a'}, auto_remap=True)
    with pytest.raises(KeyError, match="'aa'.*did you mean 'a'"):
        KeyMapper([add_one], mapping={'v': 'aa'})(sample())
    with pytest.raises(KeyError, match='zzz'):
        KeyMapper([add_one], mapping={'v': 'a'}, remapping={'zzz': 'a'})(sample())
    with pytest.raises(ValueError, match='2 keys'):
        KeyMapper([lambda r: {'v': [1]}], mapping={'v': ['a', 'b']})(sample())
    with pytest.raises(ValueError, match='KeyMapper should not return None'):
        KeyMapper([drop])(sample())
    optional = KeyMapper([lambda r: r], mapping={'v': 'absent', 'w': 'a'}, allow_nonexist_keys=True)
    assert optional(sample()) == sample()


def test_broadcaster():
    assert TransformBroadcaster([add_one], mapping={'v': ['a', 'b']})(sample()) == {'a': 2, 'b': 3, 's': [5, 6]}
    assert TransformBroadcaster([add_one], mapping={'v': 's'})(sample())['s'] == [6, 7]
    everything = TransformBroadcaster([add_one])({'v': [1, 2], 'w': [3, 4]})
    assert everything == {'v': [2, 3], 'w': [3, 4], 'extra': [9, 9]}
    with pytest.raises(ValueError, match='different lengths'):
        TransformBroadcaster([add_one], mapping={'v': 's', 'w': ['a', 'b', 's']})(sample())
    with pytest.raises(ValueError, match='no sequence'):
        TransformBroadcaster([add_one], mapping={'v': 'a'})(sample())


def test_random_choice_and_apply_follow_their_probabilities():
    np.random.seed(0)
    choice = RandomChoice([[add_one], [lambda r: {**r, 'v': -1}]], prob=[0.25, 0.75])
    share = np.mean([choice({'v': 0})['v'] == 1 for _ in range(400)])
    assert 0.18 < share < 0.32
    with pytest.raises(ValueError, match='2 pipelines'):
        RandomChoice([[add_one], [drop]], prob=[1.0])
    apply = RandomApply([add_one], prob=0.25)
    share = np.mean([apply({'v': 0})['v'] for _ in range(400)])
    assert 0.18 < share < 0.32
