"""The quickstart's task with Fast-SCNN (arXiv:1902.04502), from random weights.

Command:   mmseg train configs/quickstart_fastscnn.py
Expected:  mIoU 40.4 after 1800 iterations with this seed
"""

_base_ = ['./quickstart.py']

norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    backbone=dict(
        _delete_=True,
        type='FastSCNN',
        downsample_dw_channels=(16, 24),
        global_in_channels=32,
        global_block_channels=(32, 48, 64),
        global_block_strides=(2, 2, 1),
        global_out_channels=64,
        higher_in_channels=32,
        lower_in_channels=64,
        fusion_out_channels=64,
        out_indices=(0, 1, 2),
        norm_cfg=norm_cfg,
        align_corners=False,
    ),
    decode_head=dict(
        _delete_=True,
        type='DepthwiseSeparableFCNHead',
        in_channels=64,
        channels=64,
        in_index=-1,
        num_classes=7,
        concat_input=False,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0),
    ),
)
