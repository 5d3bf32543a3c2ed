"""HRF: vessels of the retina. The first 5 of each of three groups are for training."""

from __future__ import annotations

from collections.abc import Iterator

from .jobs import Job, Options, Preparation, add
from .pixels import as_png, binary_mask
from .source import Source

TRAINING = 5


def plan(source: Source, options: Options) -> Iterator[Job]:
    images = source.need(r'(\d+_(?:h|g|dr))\.(?:jpg|JPG)', 'images healthy/*_h.jpg, glaucoma/*_g.jpg, …')
    masks = source.need(r'(\d+_(?:h|g|dr))\.tif', 'masks healthy_manualsegm/*_h.tif, …')
    for folder, files, make in (('images', images, as_png), ('annotations', masks, binary_mask)):
        for (stem,), file in files.items():
            split = 'training' if int(stem.split('_')[0]) <= TRAINING else 'validation'
            target = f'{folder}/{split}/{stem}.png'
            yield Job(target, make, (file, target))


add(
    Preparation(
        'hrf',
        'HRF',
        'healthy.zip, glaucoma.zip, diabetic_retinopathy.zip, and the same with _manualsegm; or what they hold.',
        plan,
        expected={'images/training': 15, 'images/validation': 30},
    )
)
