import numpy as np
import pytest

from mmcv.transforms import BaseTransform, Compose, TransformBroadcaster
from mmcv.transforms.utils import avoid_cache_randomness, cache_random_params, cache_randomness


class Draw(BaseTransform):
    @cache_randomness
    def draw(self):
        return np.random.rand()

    def transform(self, results):
        return {**results, 'value': self.draw()}


class DrawTwice(Draw):
    def transform(self, results):
        return {'value': (self.draw(), self.draw())}


def test_base_transform_is_abstract():
    with pytest.raises(TypeError):
        BaseTransform()


def test_draws_are_repeated_inside_and_fresh_outside():
    draw = Draw()
    with cache_random_params(draw):
        first = draw({})
        assert draw({}) == first
        with cache_random_params([draw]):
            assert draw({}) == first
        assert draw({}) == first
    assert draw({}) != first and draw({}) != draw({})
    with cache_random_params(draw):
        assert draw({}) != first


def test_sharing_reaches_nested_transforms():
    draw = Draw()
    with cache_random_params(Compose([Compose([draw])])):
        assert draw({}) == draw({})


def test_sharing_ends_with_an_exception():
    draw = Draw()
    with pytest.raises(KeyError), cache_random_params(draw):
        raise KeyError
    assert draw({}) != draw({})


def test_two_draws_of_one_sample_cannot_be_shared():
    twice = DrawTwice()
    first, second = twice({})['value']
    assert first != second
    with cache_random_params(twice), pytest.raises(RuntimeError, match='DrawTwice.draw draws twice'):
        twice({})


def test_sharing_can_be_forbidden():
    @avoid_cache_randomness
    class Forbidden(BaseTransform):
        def transform(self, results):
            return results

    with pytest.raises(RuntimeError, match='Forbidden'), cache_random_params(Forbidden()):
        pass
    with pytest.raises(RuntimeError, match='draw'):
        avoid_cache_randomness(type('Sub', (Draw,), {}))
    with pytest.raises(TypeError, match='self'):
        cache_randomness(lambda x: x)


def test_broadcaster_shares_on_request():
    share = TransformBroadcaster([Draw()], mapping={'x': ['a', 'b']}, remapping={'value': ['a', 'b']},
                                 share_random_params=True)  # fmt: skip
    shared = share({'a': 0, 'b': 0})
    assert shared['a'] == shared['b']
    own = TransformBroadcaster([Draw()], mapping={'x': ['a', 'b']}, remapping={'value': ['a', 'b']})
    apart = own({'a': 0, 'b': 0})
    assert apart['a'] != apart['b']
