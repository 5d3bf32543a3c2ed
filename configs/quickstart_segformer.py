"""The quickstart's task with a small SegFormer (arXiv:2105.15203), from random weights.

Command:   mmseg train configs/quickstart_segformer.py
Expected:  mIoU 59.0 after 1800 iterations with this seed
"""

_base_ = ['./quickstart.py']

model = dict(
    backbone=dict(
        _delete_=True,
        type='MixVisionTransformer',
        embed_dims=16,
        num_stages=4,
        num_layers=[2, 2, 2, 2],
        num_heads=[1, 2, 4, 8],
        patch_sizes=[7, 3, 3, 3],
        sr_ratios=[8, 4, 2, 1],
        drop_path_rate=0.05,
    ),
    decode_head=dict(in_channels=[16, 32, 64, 128]),
)
optim_wrapper = dict(optimizer=dict(lr=0.002))
