_base_ = ['./good.py']
log_processor = dict(by_epoch=True)
train_dataloader = dict(
    sampler=dict(type='DefaultSampler'))
param_scheduler = [
    dict(type='CosineAnnealingLR', T_max=80, begin=0, end=80, by_epoch=True),
]
train_cfg = dict(
    _delete_=True,
    type='EpochBasedTrainLoop',
    max_epochs=80,
    val_interval=4)
default_hooks = dict(
    logger=dict(log_metric_by_epoch=True),
    checkpoint=dict(
        by_epoch=True,
        interval=4))
