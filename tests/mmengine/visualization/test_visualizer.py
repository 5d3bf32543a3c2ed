from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from mmengine.utils.errors import ConfigError
from mmengine.visualization import LocalVisBackend, Visualizer
from mmengine.visualization.drawing import rgb
from mmengine.visualization.utils import (
    check_type,
    check_type_and_length,
    color_val_matplotlib,
    convert_overlay_heatmap,
    optional,
    tensor2ndarray,
    value2list,
)

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def visualizer(height: int = 40, width: int = 60) -> Visualizer:
    return Visualizer(image=np.full((height, width, 3), 255, np.uint8))


def changed(picture: np.ndarray) -> np.ndarray:
    """Mask of what is not white, faint borders aside."""
    return (picture < 128).any(2)


def test_the_image_is_copied_in_and_out() -> None:
    image = np.zeros((4, 5, 3), np.uint8)
    made = Visualizer(image=image)
    image[:] = 9
    out = made.get_image()
    out[:] = 7
    assert made.get_image().max() == 0
    made.set_image(np.full((4, 5), 3.0))
    assert made.get_image().shape == (4, 5, 3) and made.get_image().dtype == np.uint8
    with pytest.raises(ValueError, match='set_image'):
        Visualizer().get_image()
    with pytest.raises(TypeError, match='image'):
        made.set_image([1])  # type: ignore[arg-type]


def test_boxes() -> None:
    boxes = torch.tensor([[5, 5, 20, 25], [30, 5, 50, 25]])
    out = visualizer().draw_bboxes(boxes, edge_colors=[RED, 'b'], face_colors=['none', BLUE], alpha=1).get_image()
    assert tuple(out[5, 12]) == RED and tuple(out[15, 12]) == WHITE and tuple(out[15, 40]) == BLUE
    rows, columns = np.nonzero(changed(out))
    assert 3 <= rows.min() <= 5 and 25 <= rows.max() <= 27 and 3 <= columns.min() <= 5 and 50 <= columns.max() <= 52
    half = visualizer().draw_bboxes(boxes[1], face_colors='k', edge_colors='none', alpha=0.5).get_image()
    assert abs(int(half[15, 40, 0]) - 127) <= 1


def test_alpha_is_that_of_the_whole_shape() -> None:
    out = visualizer().draw_bboxes(np.array([2, 2, 30, 30]), edge_colors=RED, alpha=0.8).get_image()
    assert abs(int(out[2, 10, 1]) - 51) <= 1 and out[2, 10, 0] == 255


def test_lines_and_styles_differ_by_what_they_leave_out() -> None:
    count = {}
    for style in ('-', '--', ':', '-.'):
        made = visualizer(20, 200).draw_lines(np.array([[5, 195]]), np.array([10, 10]), 'k', style, 2)
        row = changed(made.get_image())[10]
        assert not row[:3].any() and not row[198:].any()
        count[style] = int(row.sum())
    assert count['-'] >= 186 and count['-'] > count['--'] > count[':']
    assert count['-'] > count['-.'] > count[':']
    with pytest.raises(ValueError, match='line style'):
        visualizer().draw_lines(np.array([[5, 9]]), np.array([[1, 1]]), line_styles='~~')
    with pytest.raises(ValueError, match='x_datas has 2'):
        visualizer().draw_lines(np.array([[5, 9], [1, 2]]), np.array([[1, 1]]))


def test_circles_polygons_and_points() -> None:
    out = (
        visualizer()
        .draw_circles(torch.tensor([20.0, 20.0]), torch.tensor([10.0]), face_colors=RED, alpha=1)
        .get_image()
    )
    assert tuple(out[20, 20]) == RED and tuple(out[20, 34]) == WHITE
    assert 3.0 < changed(out).sum() / 11**2 < 3.7, 'pi times the radius with its border'
    triangle = np.array([[10, 5], [40, 5], [10, 35]])
    out = visualizer().draw_polygons([triangle], face_colors=BLUE, alpha=1).get_image()
    assert tuple(out[10, 15]) == BLUE and tuple(out[30, 38]) == WHITE
    out = (
        visualizer()
        .draw_points(torch.tensor([[10, 20], [30, 20]]), colors=['r', 'b'], sizes=np.array([20, 200]))
        .get_image()
    )
    assert tuple(out[20, 10]) == RED and tuple(out[20, 30]) == BLUE
    assert (out[..., 2] == 0).sum() < (out[..., 0] == 0).sum()
    assert not changed(visualizer().draw_polygons([]).get_image()).any()


def test_binary_masks() -> None:
    masks = torch.zeros(2, 40, 60, dtype=torch.bool)
    masks[0, :10], masks[1, 20:] = True, True
    out = visualizer().draw_binary_masks(masks, colors=[RED, BLUE], alphas=[1.0, 0.5]).get_image()
    assert tuple(out[5, 5]) == RED and tuple(out[15, 5]) == WHITE and tuple(out[30, 5]) == (128, 128, 255)
    with pytest.raises(ValueError, match='bool'):
        visualizer().draw_binary_masks(np.zeros((40, 60), np.uint8))
    with pytest.raises(ValueError, match='size'):
        visualizer().draw_binary_masks(np.zeros((4, 6), bool))


@pytest.mark.parametrize(
    ('vertical', 'horizontal', 'rows', 'columns'),
    [
        ('top', 'left', (40, 70), (100, 200)),
        ('bottom', 'right', (10, 41), (0, 101)),
        ('center', 'center', (30, 50), (60, 140)),
    ],
)
def test_texts_are_where_the_alignment_says(vertical: str, horizontal: str, rows: tuple, columns: tuple) -> None:
    made = visualizer(80, 200)
    made.draw_texts('Xylo', np.array([100, 40]), 14, 'k', vertical, horizontal)
    found = np.nonzero(changed(made.get_image()))
    assert found[0].size > 30
    assert rows[0] <= found[0].min() and found[0].max() <= rows[1]
    assert columns[0] <= found[1].min() and found[1].max() <= columns[1]


def test_texts_with_boxes_sizes_and_several_lines() -> None:
    positions = np.array([[10, 10], [100, 10]])
    made = visualizer(80, 200).draw_texts(
        ['a', 'b\nc'], positions, [8, 16], ['w', 'k'], bboxes=[{'facecolor': 'b'}, None]
    )
    out = made.get_image()
    assert (out[:, :90] == BLUE).all(2).sum() > 20 and (out[:, 90:] == BLUE).all(2).sum() == 0
    assert changed(out[40:, 100:]).any(), 'the second line'
    with pytest.raises(ValueError, match='font'):
        visualizer().draw_texts('a', positions[0], font_families='no-such-font.ttf')
    with pytest.raises(ValueError, match='alignment'):
        visualizer().draw_texts('a', positions[0], vertical_alignments='middle')
    with pytest.raises(ValueError, match='positions'):
        visualizer().draw_texts(['a', 'b'], positions[:1])


def test_wrong_shapes_and_colours_are_named() -> None:
    with pytest.raises(TypeError, match='bboxes should be a ndarray or Tensor'):
        visualizer().draw_bboxes([1, 2, 3, 4])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r'bboxes should have the shape \(N, 4\)'):
        visualizer().draw_bboxes(torch.zeros(2, 3))
    with pytest.raises(ValueError, match='x1 <= x2'):
        visualizer().draw_bboxes(torch.tensor([5, 1, 2, 20]))
    with pytest.raises(ValueError, match='edge_colors should have at least 2'):
        visualizer().draw_bboxes(torch.zeros(2, 4), edge_colors=['r'])
    with pytest.raises(ValueError, match='nocolour'):
        visualizer().draw_bboxes(torch.zeros(1, 4), edge_colors='nocolour')
    assert rgb('orange') == (255, 165, 0) and rgb('#010203') == (1, 2, 3) and rgb('g') == (0, 128, 0)
    with pytest.raises(ValueError, match='three channels'):
        rgb((1, 2))


def test_matplotlib_and_own_drawing_mix() -> None:
    made = visualizer(50, 80)
    made.draw_bboxes(np.array([2, 2, 10, 10]), edge_colors='r')
    assert made.fig_save is made.ax_save.figure and made.dpi == made.fig_save.get_dpi()
    made.ax_save.plot([20, 30], [25, 25], color='blue', linewidth=3)
    first = made.get_image()
    assert first.shape == (50, 80, 3) and changed(first[20:30, 20:30]).any() and changed(first[:12, :12]).any()
    made.draw_bboxes(np.array([40, 20, 60, 40]), edge_colors='k')
    made.ax_save.plot([20, 30], [45, 45], color='blue', linewidth=3)
    second = made.get_image()
    assert (second[:, :35][changed(first[:, :35])] == first[:, :35][changed(first[:, :35])]).all()
    assert changed(second[20:40, 40:60]).any() and changed(second[43:48, 20:30]).any()
    made.set_image(np.full((20, 30, 3), 255, np.uint8))
    assert made.fig_save is not None and made.get_image().shape == (20, 30, 3) and not changed(made.get_image()).any()


def test_windows_need_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib as mpl

    mpl.use('agg')
    for backend in ('matplotlib', 'cv2'):
        with pytest.raises(RuntimeError, match='windows'):
            visualizer().show(backend=backend)
    with pytest.raises(ValueError, match='backend'):
        visualizer().show(backend='qt')


def test_a_missing_package_names_the_extra() -> None:
    with pytest.raises(ImportError, match=r"pip install 'mmnext\[viz\]'"):
        optional('no_such_package_of_test', 'viz')


@pytest.mark.parametrize('reduction', ['squeeze_mean', 'select_max'])
def test_feature_maps_become_heat_maps(reduction: str) -> None:
    features = torch.zeros(3, 4, 6)
    features[1, 0, 0], features[1, 3, 5] = 6.0, -5.0
    out = Visualizer.draw_featmap(features, channel_reduction=reduction)
    assert out.shape == (4, 6, 3) and out[0, 0, 0] > out[0, 0, 2], 'high is red'
    if reduction == 'squeeze_mean':
        assert out[3, 5, 2] > out[3, 5, 0], 'low is blue'
    assert Visualizer.draw_featmap(features, resize_shape=(8, 10)).shape == (8, 10, 3)
    over = Visualizer.draw_featmap(features, np.zeros((16, 20), np.uint8), alpha=0.25)
    assert over.shape == (16, 20, 3) and over.max() <= 64
    assert Visualizer.draw_featmap(features, np.zeros((16, 20, 3), np.uint8), resize_shape=(5, 5)).shape == (5, 5, 3)


def test_channels_as_tiles_in_order_of_their_sums() -> None:
    features = torch.rand(6, 4, 5)
    features[4] += 10
    out = Visualizer.draw_featmap(features, channel_reduction=None, topk=3, arrangement=(2, 2))
    assert out.shape == (8, 10, 3) and (out[4:, 5:] == 255).all()
    assert np.array_equal(out[:4, :5], convert_overlay_heatmap(features[4]))
    assert Visualizer.draw_featmap(features[:3], channel_reduction=None, topk=-1).shape == (4, 5, 3)
    for kwargs, text in (
        ({'topk': 5, 'arrangement': (2, 2)}, '2 x 2'),
        ({'topk': 0}, '1 or 3 channels'),
        ({'channel_reduction': 'sum'}, 'squeeze_mean'),
    ):
        with pytest.raises(ValueError, match=text):
            Visualizer.draw_featmap(features, **{'channel_reduction': None, **kwargs})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match='C, H, W'):
        Visualizer.draw_featmap(features[0])


def test_a_constant_map_has_one_colour() -> None:
    out = convert_overlay_heatmap(np.ones((1, 3, 3)))
    assert out.shape == (3, 3, 3) and len(np.unique(out.reshape(-1, 3), axis=0)) == 1


def test_backends_by_config_name_and_save_dir(tmp_path: Any) -> None:
    local = {'type': 'LocalVisBackend'}
    made = Visualizer(
        vis_backends=[local, {**local, 'name': 'second', 'save_dir': str(tmp_path / 'b')}], save_dir=str(tmp_path)
    )
    made.add_scalar('loss', torch.tensor(1.5), step=3)
    made.add_scalars({'acc': 2}, step=4, file_path='more.json')
    made.add_image('im', np.zeros((2, 2, 3), np.uint8), step=1)
    made.close()
    for folder in (tmp_path / 'vis_data', tmp_path / 'b'):
        assert len((folder / 'scalars.json').read_text().splitlines()) == 2
        assert (folder / 'more.json').exists() and (folder / 'vis_image' / 'im_1.png').exists()
    assert isinstance(made.get_backend('second'), LocalVisBackend) and made.get_backend('third') is None
    assert isinstance(
        Visualizer(vis_backends=local, save_dir=str(tmp_path)).get_backend('LocalVisBackend'), LocalVisBackend
    )
    assert Visualizer(vis_backends=[local])._vis_backends == {}, 'nowhere to write'
    ready = LocalVisBackend(str(tmp_path))
    assert Visualizer(vis_backends=[ready]).get_backend('LocalVisBackend') is ready
    with pytest.raises(ConfigError, match='LocalVisBackend.*name'):
        Visualizer(vis_backends=[local, local], save_dir=str(tmp_path))
    with pytest.raises(TypeError, match='backends'):
        Visualizer(vis_backends=[3], save_dir=str(tmp_path))


def test_the_base_finds_instances_of_derived_classes() -> None:
    class Own(Visualizer):
        def __init__(self, name: str = 'own', **kwargs: Any) -> None:
            super().__init__(name, **kwargs)

    made = Own.get_instance('visualizer of test')
    try:
        assert Visualizer.get_current_instance() is made and Visualizer.get_instance('visualizer of test') is made
    finally:
        Visualizer._instance_dict.pop('visualizer of test')
    assert made.dataset_meta is None
    made.dataset_meta = {'classes': ('a',)}
    assert made.dataset_meta == {'classes': ('a',)}


def test_helpers() -> None:
    assert value2list('a', str, 2) == ['a', 'a'] and value2list(['a'], str, 2) == ['a']
    assert color_val_matplotlib([(255, 0, 51), 'g']) == [(1.0, 0.0, 0.2), 'g']
    assert isinstance(tensor2ndarray(torch.ones(1, requires_grad=True)), np.ndarray)
    for bad in ((1, 2), 3):
        with pytest.raises((ValueError, TypeError), match='colour'):
            color_val_matplotlib(bad)
    with pytest.raises(TypeError, match='x should be a str'):
        check_type('x', 1, str)
    with pytest.raises(ValueError, match='at least 2'):
        check_type_and_length('x', [1], list, 2)
