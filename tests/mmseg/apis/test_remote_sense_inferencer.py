"""Rasters larger than memory: windows, borders, files, threads."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor, nn

from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.structures import PixelData
from mmengine.utils.errors import ConfigError, DataError
from mmseg.apis import RSImage, RSInferencer, raster
from mmseg.apis.windows import BlendBands, CropBands, make_grids, taper
from mmseg.structures import SegDataSample

CLASSES = 4


class Model(BaseModel):
    """Logits of a pixel depend on it alone."""

    def __init__(self) -> None:
        super().__init__({'type': 'mmseg.SegDataPreProcessor'})
        self.weight = nn.Parameter(torch.linspace(-1, 1, CLASSES * 3).reshape(CLASSES, 3, 1, 1).roll(5, 0))
        self.batches: list[int] = []
        self.dataset_meta = {'classes': list('abcd'), 'palette': [[0, 0, 0], [255, 0, 0], [0, 255, 0], [1, 2, 3]]}

    def logits(self, inputs: Tensor) -> Tensor:
        return torch.sin(torch.nn.functional.conv2d(inputs, self.weight) * 0.1)

    def forward(self, inputs: Tensor, data_samples: Any = None, mode: str = 'tensor') -> Any:
        self.batches.append(len(inputs))
        logits = self.logits(inputs)
        samples = [SegDataSample() for _ in inputs]
        for sample, each in zip(samples, logits, strict=True):
            sample.seg_logits, sample.pred_sem_seg = PixelData(data=each), PixelData(data=each.argmax(0, keepdim=True))
        return samples


def pixels(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)


@torch.no_grad()
def whole(model: Model, image: np.ndarray) -> np.ndarray:
    return model.logits(torch.from_numpy(image).permute(2, 0, 1)[None].float())[0].argmax(0).numpy()


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_kept_parts_cover_each_pixel_once(data: st.DataObject) -> None:
    size, window = (tuple(data.draw(st.integers(1, 40)) for _ in range(2)) for _ in range(2))
    stride = tuple(data.draw(st.integers(0, side)) for side in window)
    count = np.zeros(size[::-1], int)
    bands, labels = CropBands(size[0]), torch.arange(size[0] * size[1]).reshape(size[::-1])
    out = torch.full_like(labels, -1)
    for grid in make_grids(size, window, stride):  # type: ignore[arg-type]
        assert grid.x >= 0 and grid.y >= 0 and grid.x + grid.width <= size[0] and grid.y + grid.height <= size[1]
        assert grid.keep_x + grid.keep_width <= grid.width and grid.keep_y + grid.keep_height <= grid.height
        top, left = grid.y + grid.keep_y, grid.x + grid.keep_x
        count[top : top + grid.keep_height, left : left + grid.keep_width] += 1
        for row, done in bands.add(grid, labels[grid.y : grid.y + grid.height, grid.x : grid.x + grid.width]):
            out[row : row + len(done)] = done
    assert (count == 1).all() and torch.equal(out, labels)


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_blending_is_the_weighted_mean(data: st.DataObject) -> None:
    size, window = (tuple(data.draw(st.integers(1, 24)) for _ in range(2)) for _ in range(2))
    stride = tuple(data.draw(st.integers(1, side)) for side in window)
    rng = torch.Generator().manual_seed(data.draw(st.integers(0, 9)))
    sums, weights = torch.zeros(3, *size[::-1]), torch.zeros(size[::-1])
    bands, out = BlendBands(size[0]), torch.full(size[::-1], -1)
    for grid in make_grids(size, window, stride):  # type: ignore[arg-type]
        logits = torch.rand(3, grid.height, grid.width, generator=rng)
        place = (slice(grid.y, grid.y + grid.height), slice(grid.x, grid.x + grid.width))
        sums[:, *place] += logits * taper(grid.height, grid.width)
        weights[place] += taper(grid.height, grid.width)
        for row, done in bands.add(grid, logits):
            out[row : row + len(done)] = done
    for row, done in bands.finish():
        out[row : row + len(done)] = done
    assert torch.equal(out, (sums / weights).argmax(0))


def test_weights_fall_from_the_middle_to_the_borders() -> None:
    assert taper(1, 4).tolist() == [[0.5, 1, 1, 0.5]]
    assert taper(3, 1)[:, 0].tolist() == [0.5, 1, 0.5]


@pytest.mark.parametrize('overlap', ['crop', 'blend'])
@pytest.mark.parametrize('batch_size, thread', [(1, 1), (3, 2)])
def test_a_model_of_single_pixels_gives_the_labels_of_the_whole(overlap: str, batch_size: int, thread: int) -> None:
    model, image = Model(), pixels(37, 50)
    found = RSInferencer(model, batch_size, thread, overlap).run(image, (16, 12), (10, 8))
    assert isinstance(found, np.ndarray) and found.dtype == np.uint8
    np.testing.assert_array_equal(found, whole(model, image))
    grids = len(make_grids((50, 37), (16, 12), (10, 8)))
    assert sum(model.batches) == grids and max(model.batches) == batch_size


def test_one_channel_is_compared_with_the_threshold() -> None:
    grid = make_grids((2, 1), (2, 1))[0]
    bands = BlendBands(2, threshold=0.3)
    assert list(bands.add(grid, torch.tensor([[[0.2, 0.4]]]))) == []
    [(row, labels)] = bands.finish()
    assert row == 0 and labels.tolist() == [[0, 1]]


def test_what_is_read_ahead_is_bounded_and_errors_end_the_run(tmp_path: Path) -> None:
    class Source:
        width, height, channel = 8, 400, 3
        reads, ahead, fail_at = 0, 0, 10**9

        def read(self, box: tuple[int, int, int, int]) -> np.ndarray:
            self.reads += 1
            self.ahead = max(self.ahead, self.reads - sum(model.batches))
            if self.reads > self.fail_at:
                raise OSError('the disk is gone')
            assert threading.current_thread() is not threading.main_thread()
            return np.zeros((box[3], box[2], 3), np.uint8)

        def close(self) -> None:
            pass

    class Slow(Model):
        def logits(self, inputs: Tensor) -> Tensor:
            time.sleep(0.002)
            return super().logits(inputs)

    model, source = Slow(), Source()
    RSInferencer(model, batch_size=1, thread=2).run(source, (8, 8))
    assert source.reads == 50 and source.ahead <= 6
    source.fail_at = source.reads + 5
    with pytest.raises(OSError, match='disk is gone'):
        RSInferencer(model).run(source, (8, 8), output_path=tmp_path / 'out.png')
    assert list(tmp_path.iterdir()) == []


def test_bands_are_those_of_training(tmp_path: Path) -> None:
    image = pixels(8, 8)
    model = Model()
    assert np.array_equal(RSInferencer(model).run(image, (8, 8)), whole(model, image)), 'the order of the file'
    pipeline = [
        {'type': 'LoadImageFromFile'},
        {'type': 'Resize', 'scale': (99, 99)},
        {'type': 'LoadAnnotations'},
        {'type': 'PackSegInputs'},
    ]
    model.cfg = Config({'test_pipeline': pipeline})  # type: ignore[assignment]
    found = RSInferencer(model).run(image, (8, 8))
    assert np.array_equal(found, whole(model, image[..., ::-1].copy())), 'BGR, in the size of the raster'
    six = np.concatenate([pixels(8, 8, seed=1), image], axis=2)
    chosen = RSImage(six, bands=[4, 5, 6])
    assert chosen.channel == 3 and np.array_equal(RSInferencer(model).run(chosen, (8, 8)), whole(model, image))
    with pytest.raises(DataError, match='bands 1 to 6, but bands='):
        RSImage(six, bands=[0, 1, 2])


def test_wrong_windows() -> None:
    for window, stride in (((0, 4), (0, 0)), ((4, 4), (5, 4)), ((4, 4), (-1, 0))):
        with pytest.raises(ConfigError, match='stride up to it'):
            make_grids((9, 9), window, stride)
    with pytest.raises(ConfigError, match="'crop' or 'blend'"):
        RSInferencer(Model(), overlap='mean')
    with pytest.raises(DataError, match='no such raster'):
        RSImage('nothing.tif')


def test_images_without_rasterio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raster, '_rasterio', lambda: None)
    model, image = Model(), pixels(20, 30)
    for name in ('x.png', 'x.tif'):
        Image.fromarray(image).save(tmp_path / name)
        found = RSInferencer(model).run(tmp_path / name, (16, 16), (8, 8))
        assert found == tmp_path / 'x_label.tif'
        np.testing.assert_array_equal(np.asarray(Image.open(found)), whole(model, image))


def test_georeference_and_colours_are_kept(tmp_path: Path) -> None:
    rasterio = pytest.importorskip('rasterio', reason='rasterio is not installed')
    model, image = Model(), pixels(300, 280)
    transform = rasterio.Affine(0.5, 0, 1000, 0, -0.5, 2000)
    profile = {'driver': 'GTiff', 'width': 280, 'height': 300, 'count': 3, 'dtype': 'uint8'}
    with rasterio.open(tmp_path / 'in.tif', 'w', **profile, crs='EPSG:32632', transform=transform) as file:
        file.write(image.transpose(2, 0, 1))
    for overlap in ('crop', 'blend'):
        out = tmp_path / 'out' / f'{overlap}.tif'
        assert RSInferencer(model, 4, 2, overlap).run(tmp_path / 'in.tif', (128, 64), (100, 50), out) == out
        with rasterio.open(out) as file:
            assert file.crs.to_epsg() == 32632 and file.transform == transform and file.dtypes == ('uint8',)
            assert file.colormap(1)[3] == (1, 2, 3, 255)
            np.testing.assert_array_equal(file.read(1), whole(model, image))
    with rasterio.open(tmp_path / 'in.tif') as file, RSImage(file) as opened:
        assert (opened.width, opened.height, opened.channel) == (280, 300, 3)
        np.testing.assert_array_equal(opened.read([5, 6, 7, 8]), image[6:14, 5:12])
    assert sorted(p.name for p in (tmp_path / 'out').iterdir()) == ['blend.tif', 'crop.tif']


def test_a_failed_run_leaves_no_file(tmp_path: Path) -> None:
    rasterio = pytest.importorskip('rasterio', reason='rasterio is not installed')

    class Broken(Model):
        def logits(self, inputs: Tensor) -> Tensor:
            raise RuntimeError('out of luck')

    profile = {'driver': 'GTiff', 'width': 9, 'height': 9, 'count': 3, 'dtype': 'uint8', 'crs': 'EPSG:4326'}
    with rasterio.open(tmp_path / 'in.tif', 'w', **profile, transform=rasterio.Affine.identity().scale(2)) as file:
        file.write(pixels(9, 9).transpose(2, 0, 1))
    with pytest.raises(RuntimeError, match='out of luck'):
        RSInferencer(Broken()).run(tmp_path / 'in.tif', (4, 4))
    assert [p.name for p in tmp_path.iterdir()] == ['in.tif']
