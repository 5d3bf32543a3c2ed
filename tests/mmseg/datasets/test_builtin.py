import hashlib
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from mmengine.utils.errors import DataError
from mmseg.datasets.builtin import ShapesDataset, scene, shapes
from mmseg.datasets.check import check_samples


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(shapes, 'SIZES', {'train': 4, 'val': 2})


VAL = {'img_path': 'images/val', 'seg_map_path': 'masks/val'}


def test_scenes_are_functions_of_their_seed():
    image, labels = scene((0, 3))
    assert image.shape == (160, 160, 3) and image.dtype == labels.dtype == np.uint8 and labels.shape == (160, 160)
    again = scene((0, 3))
    np.testing.assert_array_equal(image, again[0])
    np.testing.assert_array_equal(labels, again[1])
    assert not np.array_equal(image, scene((1, 3))[0])


def test_scenes_are_the_same_in_another_process():
    code = 'import hashlib; from mmseg.datasets.builtin import scene; '
    code += 'print(hashlib.sha256(b"".join(a.tobytes() for i in range(3) for a in scene((0, i)))).hexdigest())'
    other = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout.strip()
    here = hashlib.sha256(b''.join(a.tobytes() for i in range(3) for a in scene((0, i)))).hexdigest()
    assert other == here


def test_first_use_writes_and_the_second_does_not(tmp_path, small):
    root = tmp_path / 'shapes'
    train = ShapesDataset(data_root=str(root))
    assert len(train) == 4 and len(ShapesDataset(data_root=str(root), data_prefix=VAL)) == 2
    assert check_samples(train).checked == 4
    path = root / 'images' / 'train' / '0000.png'
    stamp = path.stat().st_mtime_ns
    ShapesDataset(data_root=str(root))
    assert path.stat().st_mtime_ns == stamp
    assert not list(root.rglob('.*'))


def test_an_interrupted_write_is_done_again(tmp_path, small, monkeypatch):
    root = tmp_path / 'shapes'

    def broken(seed):
        if tuple(seed) == (1, 1):
            raise KeyboardInterrupt
        return scene(seed)

    with monkeypatch.context() as patch:
        patch.setattr(shapes, 'scene', broken)
        with pytest.raises(KeyboardInterrupt):
            ShapesDataset(data_root=str(root))
    assert len(list(root.rglob('*.png'))) == 10
    assert len(ShapesDataset(data_root=str(root), data_prefix=VAL)) == 2


def test_lazy_init_writes_nothing(tmp_path):
    ShapesDataset(data_root=str(tmp_path / 'shapes'), lazy_init=True)
    assert not (tmp_path / 'shapes').exists()


def test_a_place_that_cannot_be_written(tmp_path, small):
    (tmp_path / 'file').touch()
    with pytest.raises(DataError, match='data_root'):
        ShapesDataset(data_root=str(tmp_path / 'file'))


def test_two_processes_at_once(tmp_path):
    code = (
        'import sys; from mmseg.datasets.builtin import ShapesDataset, shapes; '
        "shapes.SIZES = {'train': 12, 'val': 2}; print(len(ShapesDataset(data_root=sys.argv[1])))"
    )
    runs = [
        subprocess.Popen([sys.executable, '-c', code, str(tmp_path / 's')], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [run.communicate()[0].strip().splitlines()[-1] for run in runs] == ['12', '12']
    assert len(list((tmp_path / 's').rglob('*.png'))) == 28


def test_colour_does_not_give_the_classes_away():
    """A logistic regression on the colour of each pixel is no segmentation."""
    torch.manual_seed(0)
    scenes = [scene((0, index)) for index in range(48)]
    pixels = torch.from_numpy(np.stack([image for image, _ in scenes])).reshape(-1, 3).float() / 128 - 1
    labels = torch.from_numpy(np.stack([mask for _, mask in scenes])).reshape(-1).long()
    keep = torch.randperm(len(labels))[:60000]
    train, test = keep[:40000], keep[40000:]
    count = torch.bincount(labels[train], minlength=7).float()
    for weight in (None, count.sum() / count):
        model = torch.nn.Linear(3, 7)
        optimizer = torch.optim.LBFGS(model.parameters(), max_iter=60)

        def closure(model=model, optimizer=optimizer, weight=weight):
            optimizer.zero_grad()
            loss = cross_entropy(model(pixels[train]), labels[train], weight=weight)
            loss.backward()
            return loss

        optimizer.step(closure)
        predicted = model(pixels[test]).argmax(dim=1)
        ious = []
        for label in range(7):
            both = ((predicted == label) & (labels[test] == label)).sum()
            either = ((predicted == label) | (labels[test] == label)).sum()
            ious.append((both / either.clamp(min=1)).item())
        assert np.mean(ious) < 0.25
    shares = count / count.sum()
    assert shares.min() > 0.02
