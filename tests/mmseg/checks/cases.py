"""Configs with one mistake: a good one, an edit, and what must be said of it."""

from __future__ import annotations

from dataclasses import dataclass

ERROR, WARNING = 'error', 'warning'


@dataclass(frozen=True)
class Case:
    """`old` in the file `base` becomes `new`.

    Attributes:
        says: part of the message, or of the hint.
        at: text that stands on the line of the finding; `new` by default.
    """

    rule: str
    old: str
    new: str
    key: str
    says: str
    hint: str = ''
    at: str = ''
    severity: str = ERROR
    base: str = 'good.py'

    @property
    def name(self) -> str:
        return f'{self.rule}: {self.new.strip().splitlines()[0] if self.new.strip() else "without " + self.old.strip()}'


HEAD = 'model.decode_head'
SGD = 'optim_wrapper.optimizer'
CKPT = 'default_hooks.checkpoint'
POLY = "dict(type='PolyLR', power=0.9, eta_min=1e-4, begin=1000, end=40000, by_epoch=False)"
COSINE = "dict(type='CosineAnnealingLR', T_max=80, begin=0, end=80, by_epoch=True)"


def epochs(*args: str, **kwargs: str) -> Case:
    return Case(*args, **kwargs, base='epochs.py')


# One mistake a line.
# fmt: off
CASES = [
    # types
    Case('unknown-type', "type='EncoderDecoder'", "type='EncoderDecoderr'", 'model.type', 'EncoderDecoderr', 'EncoderDecoder'),
    Case('unknown-type', "type='ResNetV1c'", "type='ResNetV1z'", 'model.backbone.type', 'ResNetV1z', 'ResNetV1c'),
    Case('unknown-type', "type='FCNHead',\n        in_channels=512", "type='FNCHead',\n        in_channels=512", f'{HEAD}.type', 'FNCHead', 'FCNHead'),
    Case('unknown-type', "type='CrossEntropyLoss'", "type='CrossEntropy'", f'{HEAD}.loss_decode.type', 'CrossEntropy', 'CrossEntropyLoss'),
    Case('unknown-type', "dict(type='RandomFlip', prob=0.5)", "dict(type='RandomFlipp', prob=0.5)", 'train_dataloader.dataset.pipeline.4.type', 'RandomFlipp', 'RandomFlip'),
    Case('unknown-type', "dict(type='InfiniteSampler'", "dict(type='InfinteSampler'", 'train_dataloader.sampler.type', 'InfinteSampler', 'InfiniteSampler'),
    Case('unknown-type', "type='CityscapesDataset',\n        data_root='data/cityscapes',\n        data_prefix=dict(img_path='leftImg8bit/val'", "type='CityscapeDataset',\n        data_root='data/cityscapes',\n        data_prefix=dict(img_path='leftImg8bit/val'", 'val_dataloader.dataset.type', 'CityscapeDataset', 'CityscapesDataset'),
    Case('unknown-type', "type='IoUMetric'", "type='IOUMetrics'", 'val_evaluator.type', 'IOUMetrics', 'IoUMetric'),
    Case('unknown-type', "type='SGD'", "type='sgd'", f'{SGD}.type', "'sgd'", 'SGD'),
    Case('unknown-type', "type='OptimWrapper'", "type='AMPOptimWrapper'", 'optim_wrapper.type', 'AMPOptimWrapper', 'AmpOptimWrapper'),
    Case('unknown-type', "type='PolyLR'", "type='PolyLr'", 'param_scheduler.1.type', 'PolyLr', 'PolyLR'),
    Case('unknown-type', "type='EmptyCacheHook'", "type='EmptyCachHook'", 'custom_hooks.0.type', 'EmptyCachHook', 'EmptyCacheHook'),
    Case('unknown-type', "type='IterBasedTrainLoop'", "type='IterTrainLoop'", 'train_cfg.type', 'IterTrainLoop', 'IterBasedTrainLoop'),
    Case('unknown-type', "val_cfg = dict(type='ValLoop')", "val_cfg = dict(type='ValidLoop')", 'val_cfg.type', 'ValidLoop', 'ValLoop'),
    Case('unknown-type', "dict(type='LoadImageFromFile'),\n    dict(type='Resize'", "dict(type='mmdet.LoadNothing'),\n    dict(type='Resize'", 'val_dataloader.dataset.pipeline.0.type', 'mmdet.LoadNothing'),
    Case('unknown-type', "type='IterTimerHook'", 'type=42', 'default_hooks.timer.type', 'should be a name, a class or a function'),
    Case('missing-type', "type='IoUMetric'", "typ='IoUMetric'", 'val_evaluator', 'needs `type`', 'type instead of typ', at='val_evaluator'),
    Case('missing-type', "val_cfg = dict(type='ValLoop')", "val_cfg = 'ValLoop'", 'val_cfg', "this is 'ValLoop'"),
    Case('optimizer-constructor', 'clip_grad=None', "constructor='LayerDecayConstructor'", 'optim_wrapper.constructor', 'LayerDecayConstructor'),
    Case('default-scope', 'crop_size = (512, 1024)\n', "crop_size = (512, 1024)\ndefault_scope = 'mmsegg'\n", 'default_scope', "no scope 'mmsegg'", 'mmseg', at='default_scope'),
    # arguments
    Case('unknown-argument', 'depth=18', 'deepth=18', 'model.backbone.deepth', 'deepth=18', 'depth'),
    Case('unknown-argument', 'num_convs=2', 'num_conv=2', f'{HEAD}.num_conv', 'num_conv=2', 'num_convs'),
    Case('unknown-argument', 'loss_weight=1.0', 'weight=1.0', f'{HEAD}.loss_decode.weight', 'weight=1.0', 'loss_weight'),
    Case('unknown-argument', 'momentum=0.9', 'momentun=0.9', f'{SGD}.momentun', 'momentun=0.9', 'momentum'),
    Case('unknown-argument', 'weight_decay=0.0005', 'weight_decy=0.0005', f'{SGD}.weight_decy', 'weight_decy', 'weight_decay'),
    Case('unknown-argument', 'cat_max_ratio=0.75', 'max_ratio=0.75', 'train_dataloader.dataset.pipeline.3.max_ratio', 'max_ratio=0.75', 'cat_max_ratio'),
    Case('unknown-argument', 'val_interval=4000', 'eval_interval=4000', 'train_cfg.eval_interval', 'eval_interval=4000', 'val_interval'),
    Case('unknown-argument', "sampler=dict(type='InfiniteSampler', shuffle=True)", "sampler=dict(type='InfiniteSampler', shuffles=True)", 'train_dataloader.sampler.shuffles', 'shuffles=True', 'shuffle'),
    Case('unknown-argument', 'batch_size=2', 'samples_per_gpu=2', 'train_dataloader.samples_per_gpu', 'samples_per_gpu=2'),
    Case('unknown-argument', "data_root='data/cityscapes',\n        data_prefix=dict(img_path='leftImg8bit/train'", "data_rot='data/cityscapes',\n        data_prefix=dict(img_path='leftImg8bit/train'", 'train_dataloader.dataset.data_rot', 'data_rot', 'data_root'),
    Case('unknown-argument', 'interval=50', 'intervall=50', 'default_hooks.logger.intervall', 'intervall=50', 'interval'),
    Case('unknown-argument', 'power=0.9', 'pow=0.9', 'param_scheduler.1.pow', 'pow=0.9', 'power'),
    Case('unknown-argument', 'clip_grad=None', 'grad_clip=None', 'optim_wrapper.grad_clip', 'grad_clip=None', 'clip_grad'),
    Case('unknown-argument', 'max_iters=40000', 'max_epochs=80', 'train_cfg.max_epochs', 'max_epochs=80'),
    Case('missing-argument', '\n    max_iters=40000,', '', 'train_cfg', "'max_iters'", at='train_cfg = dict'),
    Case('missing-argument', '        channels=128,\n', '', HEAD, "'channels'", at='decode_head=dict('),
    Case('missing-argument', ', crop_size=crop_size, cat_max_ratio', ', cat_max_ratio', 'train_dataloader.dataset.pipeline.3', "'crop_size'", at="type='RandomCrop'"),
    Case('missing-argument', '        depth=18,\n', '', 'model.backbone', "'depth'", at='backbone=dict('),
    Case('missing-argument', "dict(type='EmptyCacheHook', priority='LOW')", "dict(type='EarlyStoppingHook')", 'custom_hooks.0', "'monitor'"),
    Case('argument-kind', 'lr=0.01', "lr='0.01'", f'{SGD}.lr', "'0.01'", 'without quotes: 0.01'),
    Case('argument-kind', 'align_corners=False', "align_corners='False'", f'{HEAD}.align_corners', 'align_corners of FCNHead should be bool', 'without quotes: False'),
    Case('argument-kind', 'max_iters=40000', "max_iters='40000'", 'train_cfg.max_iters', 'should be int', 'without quotes: 40000'),
    Case('argument-kind', 'val_interval=4000', 'val_interval=[4000]', 'train_cfg.val_interval', 'should be int'),
    Case('argument-kind', 'depth=18', "depth='18'", 'model.backbone.depth', 'depth of ResNetV1c should be int', '18'),
    Case('argument-kind', 'interval=50', "interval='50'", 'default_hooks.logger.interval', 'should be int', '50'),
    Case('argument-kind', 'shuffle=False', "shuffle='no'", 'val_dataloader.sampler.shuffle', 'should be bool'),
    Case('argument-kind', "data_root='data/cityscapes',\n        data_prefix=dict(img_path='leftImg8bit/val'", "data_root=['data/cityscapes'],\n        data_prefix=dict(img_path='leftImg8bit/val'", 'val_dataloader.dataset.data_root', 'should be str or None'),
    Case('argument-kind', 'power=0.9', 'power=[0.9]', 'param_scheduler.1.power', 'should be float'),
    # model
    Case('model', 'depth=18', 'depth=19', 'model.backbone', '19', at='backbone=dict('),
    Case('model', 'in_index=3', 'in_index=[3]', HEAD, 'in_index', at='decode_head=dict('),
    Case('channels', 'in_channels=512', 'in_channels=2048', f'{HEAD}.in_channels', '2048 channels, but gets 512', 'in_channels=512'),
    Case('channels', 'in_channels=256', 'in_channels=1024', 'model.auxiliary_head.in_channels', '1024 channels, but gets 256', 'in_channels=256'),
    Case('channels', 'in_index=3', 'in_index=4', f'{HEAD}.in_index', 'a feature that backbone and neck do not give'),
    Case('channels', 'mean=[123.675, 116.28, 103.53],\n        std=[58.395, 57.12, 57.375]', 'mean=[0.0] * 4,\n        std=[1.0] * 4', 'model.backbone', '3 channels, but gets 4', at='backbone=dict('),
    Case('num-classes', 'num_classes=19,\n        norm_cfg=norm_cfg,\n        align', 'num_classes=7,\n        norm_cfg=norm_cfg,\n        align', f'{HEAD}.num_classes', 'has 7 classes, but CityscapesDataset has 19', 'num_classes=19'),
    Case('num-classes', 'num_classes=19,\n        norm_cfg=norm_cfg,\n        align', 'num_classes=20,\n        norm_cfg=norm_cfg,\n        align', f'{HEAD}.num_classes', 'has 20 classes', severity=WARNING),
    Case('num-classes', 'num_classes=19,\n        norm_cfg=norm_cfg),', 'num_classes=18,\n        norm_cfg=norm_cfg),', 'model.auxiliary_head.num_classes', 'has 18 classes'),
    Case('num-classes', "type='CityscapesDataset',\n        data_root='data/cityscapes',\n        data_prefix=dict(img_path='leftImg8bit/val'", "type='ADE20KDataset',\n        data_root='data/cityscapes',\n        data_prefix=dict(img_path='leftImg8bit/val'", 'val_dataloader.dataset.type', 'ADE20KDataset has 150 classes in val', severity=WARNING),
    Case('model', 'num_classes=19,\n        norm_cfg=norm_cfg,\n        align', 'num_classes=19,\n        out_channels=1,\n        norm_cfg=norm_cfg,\n        align', HEAD, 'out_channels should be num_classes (19)', at='decode_head=dict('),
    Case('binary-head', 'num_classes=19,\n        norm_cfg=norm_cfg,\n        align', 'num_classes=2, out_channels=1,\n        norm_cfg=norm_cfg,\n        align', f'{HEAD}.loss_decode.use_sigmoid', 'softmax over the one channel', 'use_sigmoid=True', at='use_sigmoid'),
    Case('binary-head', 'num_classes=19,\n        norm_cfg=norm_cfg,\n        align', 'num_classes=1,\n        norm_cfg=norm_cfg,\n        align', f'{HEAD}.num_classes', 'nothing is learnt'),
    Case('class-weight', 'use_sigmoid=False', 'class_weight=[1.0, 2.0]', f'{HEAD}.loss_decode.class_weight', '2 entries'),
    Case('test-mode', "mode='slide'", "mode='slides'", 'model.test_cfg.mode', 'slide or whole'),
    Case('test-mode', ',\n        stride=(256, 512)))', '))', 'model.test_cfg.mode', 'needs stride', at="mode='slide'"),
    Case('test-mode', 'stride=(256, 512)', 'stride=(768, 512)', 'model.test_cfg.stride', 'exceeds'),
    Case('crop-size', 'size=crop_size)', 'size=(512, 512))', 'model.data_preprocessor.size', 'crops are 512 x 1024', 'size=(512, 1024)'),
    Case('crop-size', 'size=crop_size)', 'size=(1024, 1024))', 'model.data_preprocessor.size', 'batches of 1024 x 1024', severity=WARNING),
    # data
    Case('reduce-zero-label', 'reduce_zero_label=False', 'reduce_zero_label=True', 'val_dataloader.dataset.pipeline.2.reduce_zero_label', 'contradicts CityscapesDataset'),
    Case('reduce-zero-label', '        pipeline=train_pipeline))', '        reduce_zero_label=True, pipeline=train_pipeline))', 'val_dataloader.dataset', 'val has reduce_zero_label=False', at='dataset=dict('),
    Case('ignore-index', 'seg_pad_val=255', 'seg_pad_val=0', 'model.data_preprocessor.seg_pad_val', 'but the dataset ignores 255', 'seg_pad_val=255', severity=WARNING),
    Case('ignore-index', 'dropout_ratio=0.1', 'ignore_index=0', f'{HEAD}.ignore_index', 'ignore_index of FCNHead is 0', severity=WARNING),
    Case('ignore-index', "type='IoUMetric'", "type='IoUMetric', ignore_index=254", 'val_evaluator.ignore_index', '254', severity=WARNING),
    Case('dataset-classes', '        pipeline=train_pipeline))', "        metainfo=dict(classes=('road', 'streets')), pipeline=train_pipeline))", 'train_dataloader.dataset.metainfo.classes', "no class 'streets'"),
    Case('dataset-classes', '        pipeline=train_pipeline))', "        metainfo=dict(classes='road'), pipeline=train_pipeline))", 'train_dataloader.dataset.metainfo.classes', 'one string'),
    Case('palette', '        pipeline=train_pipeline))', '        metainfo=dict(palette=[[0, 0, 0]]), pipeline=train_pipeline))', 'train_dataloader.dataset.metainfo.palette', '1 colours for 19 classes'),
    Case('pipeline', "    dict(type='LoadAnnotations'),\n", '', 'train_dataloader.dataset.pipeline', 'loads no annotations', 'LoadAnnotations', at='pipeline=train_pipeline'),
    Case('pipeline', "    dict(type='PackSegInputs'),\n]\ntest", ']\ntest', 'train_dataloader.dataset.pipeline', 'does not pack', 'PackSegInputs', at='pipeline=train_pipeline', severity=WARNING),
    Case('pipeline', "    dict(type='LoadImageFromFile'),\n    dict(type='Resize'", "    dict(type='Resize'", 'val_dataloader.dataset.pipeline', 'loads no image', 'LoadImageFromFile', at='pipeline=test_pipeline', severity=WARNING),
    Case('same-classes', '        pipeline=train_pipeline))', "        metainfo=dict(classes=__import__('mmseg.datasets').datasets.CityscapesDataset.METAINFO['classes'][::-1]), pipeline=train_pipeline))", 'val_dataloader.dataset.type', "calls a class 'road' that CityscapesDataset calls 'bicycle'", at="type='CityscapesDataset'", severity=WARNING),
    Case('iou-metrics', "'mDice'", "'mdice'", 'val_evaluator.iou_metrics', "no metric 'mdice'", 'mDice'),
    # schedule
    Case('scheduler-unit', 'end=40000, by_epoch=False', 'end=40000', 'param_scheduler.1', 'steps after each epoch', 'by_epoch=False', at="type='PolyLR'"),
    Case('scheduler-unit', 'end=1000, by_epoch=False', 'end=1000, by_epoch=True', 'param_scheduler.0.by_epoch', 'LinearLR steps after each epoch'),
    epochs('scheduler-unit', 'end=80, by_epoch=True', 'end=80, by_epoch=False', 'param_scheduler.0.end', 'ends after 80 iterations', severity=WARNING),
    Case('scheduler-span', 'end=40000', 'end=80000', 'param_scheduler.1.end', 'behind the end of the training at max_iters=40000', 'end=40000', severity=WARNING),
    Case('scheduler-span', 'max_iters=40000', 'max_iters=80000', 'param_scheduler.1.end', 'PolyLR ends at 40000', 'end=80000', at="type='PolyLR'", severity=WARNING),
    Case('scheduler-span', 'begin=1000, end=40000', 'begin=50000, end=60000', 'param_scheduler.1.begin', 'begins at 50000', severity=WARNING),
    Case('scheduler-span', POLY, "dict(type='MultiStepLR', milestones=[30000, 60000], by_epoch=False)", 'param_scheduler.1.milestones', '60000', severity=WARNING),
    epochs('scheduler-span', 'T_max=80', 'T_max=800', 'param_scheduler.0.T_max', 'the training ends at max_epochs=80', severity=WARNING),
    epochs('scheduler-span', 'max_epochs=80', 'max_epochs=160', 'param_scheduler.0.end', 'stays as it is', 'end=160', at='CosineAnnealingLR', severity=WARNING),
    Case('endless-scheduler', 'begin=1000, end=40000, by', 'begin=1000, by', 'param_scheduler.1', 'has no `end`', 'end=40000', severity=WARNING),
    Case('val-interval', 'val_interval=4000', 'val_interval=50000', 'train_cfg.val_interval', 'longer than the training', severity=WARNING),
    Case('val-interval', 'val_interval=4000', 'val_interval=1', 'train_cfg.val_interval', 'after every 1 of 40000 iterations', severity=WARNING),
    epochs('val-interval', 'val_interval=4)', 'val_interval=4000)', 'train_cfg.val_interval', 'longer than the training of 80 epochs', severity=WARNING),
    Case('train-loop', "type='IterBasedTrainLoop'", "type='IterBasedTrainLoop', by_epoch=False", 'train_cfg.by_epoch', 'decides already'),
    Case('train-loop', "    type='IterBasedTrainLoop',\n", '', 'train_cfg', 'needs `type`', at='train_cfg = dict('),
    Case('hook-unit', 'by_epoch=False,\n        interval=4000', 'by_epoch=True,\n        interval=4000', f'{CKPT}.by_epoch', 'every 4000 epochs', 'by_epoch=False'),
    Case('hook-unit', '        by_epoch=False,\n        interval=4000', '        interval=4000', f'{CKPT}.interval', 'one long epoch'),
    Case('hook-unit', 'log_metric_by_epoch=False', 'log_metric_by_epoch=True', 'default_hooks.logger.log_metric_by_epoch', 'stays 0', severity=WARNING),
    epochs('hook-unit', 'by_epoch=True,\n        interval=4', 'by_epoch=False,\n        interval=4', f'{CKPT}.by_epoch', 'every 4 iterations of a training of 80 epochs', severity=WARNING),
    epochs('log-unit', 'log_processor = dict(by_epoch=True)', 'log_processor = dict(by_epoch=False)', 'log_processor.by_epoch', 'the log counts iterations', severity=WARNING),
    Case('checkpoint-interval', 'interval=4000,\n        save', 'interval=50000,\n        save', f'{CKPT}.interval', 'longer than the training', severity=WARNING),
    epochs('endless-epoch', "sampler=dict(type='DefaultSampler')", "sampler=dict(type='InfiniteSampler')", 'train_dataloader.sampler.type', 'without end', 'DefaultSampler'),
    Case('endless-epoch', "dict(type='DefaultSampler', shuffle=False)", "dict(type='InfiniteSampler', shuffle=False)", 'val_dataloader.sampler.type', 'without end'),
    # hooks, metrics, phases
    Case('unknown-metric', "save_best='mIoU'", "save_best='mIOU'", f'{CKPT}.save_best', "no evaluator yields 'mIOU'", 'mIoU'),
    Case('unknown-metric', "save_best='mIoU'", "save_best=['mIoU', 'mFscore']", f'{CKPT}.save_best', "'mFscore'"),
    Case('unknown-metric', "type='IoUMetric'", "type='IoUMetric', prefix='val'", f'{CKPT}.save_best', "no evaluator yields 'mIoU'", 'val/mIoU', at="save_best='mIoU'"),
    Case('unknown-metric', "dict(type='EmptyCacheHook', priority='LOW')", "dict(type='EarlyStoppingHook', monitor='IoU', rule='greater')", 'custom_hooks.0.monitor', "'IoU'", 'mIoU'),
    Case('unknown-metric', "save_best='mIoU'", "save_best='val/loss'", f'{CKPT}.save_best', "'val/loss'", 'loss'),
    Case('metric-order', "save_best='mIoU'", "save_best='mIoU', rule='higher'", f'{CKPT}.rule', "'higher'"),
    Case('hook-twice', "type='EmptyCacheHook'", "type='IterTimerHook'", 'custom_hooks.0.type', 'there already, as default_hooks.timer', severity=WARNING),
    Case('hook-twice', "type='EmptyCacheHook', priority='LOW'", "type='LoggerHook', interval=10, log_metric_by_epoch=False", 'custom_hooks.0.type', 'default_hooks.logger', severity=WARNING),
    Case('hook-twice', 'param_scheduler=dict(type=', 'lr=dict(type=', 'default_hooks.lr.type', 'default_hooks.param_scheduler'),
    Case('hook-twice', "dict(type='EmptyCacheHook', priority='LOW'),", "dict(type='EmptyCacheHook', priority='LOW'),\n    dict(type='EmptyCacheHook', priority='LOW'),", 'custom_hooks.1.type', 'custom_hooks.0', at='EmptyCacheHook', severity=WARNING),
    Case('priority', "priority='LOW'", "priority='LOWER'", 'custom_hooks.0.priority', 'LOWER', 'LOW'),
    Case('priority', "priority='LOW'", 'priority=200', 'custom_hooks.0.priority', '0..100'),
    Case('phase', "val_cfg = dict(type='ValLoop')\n", '', 'val_dataloader', 'val_cfg is missing', at='val_dataloader = dict('),
    Case('phase', 'val_evaluator = dict(', 'val_evaluators = dict(', 'val_dataloader', 'val_evaluator is missing', 'val_evaluators', at='val_dataloader = dict('),
    Case('phase', 'optim_wrapper = dict(', 'optimizer_cfg = dict(', 'train_dataloader', 'optim_wrapper is missing', at='train_dataloader = dict('),
    Case('no-model', 'model = dict(', 'net = dict(', '', 'no `model`'),
    Case('unknown-key', 'custom_hooks = [', 'custom_hook = [', 'custom_hook', "nothing reads 'custom_hook'", 'custom_hooks', severity=WARNING),
    Case('unknown-key', 'param_scheduler = [', 'param_schedulers = [', 'param_schedulers', 'nothing reads', 'param_scheduler', severity=WARNING),
    Case('unknown-rule', 'crop_size = (512, 1024)\n', "crop_size = (512, 1024)\ncheck_ignore = ['custom-key']\n", 'check_ignore', "no rule 'custom-key'", 'custom-keys', at='check_ignore'),
    # parameter groups
    Case('custom-keys', 'decode_head=dict(lr_mult', 'decod_head=dict(lr_mult', 'optim_wrapper.paramwise_cfg.custom_keys.decod_head', 'part of no parameter name', 'decode_head', severity=WARNING),
    Case('paramwise-key', 'norm_decay_mult=0.0', 'norm_decay=0.0', 'optim_wrapper.paramwise_cfg.norm_decay', "no key 'norm_decay'", 'norm_decay_mult', severity=WARNING),
    Case('weight-decay', ',\n        weight_decay=0.0005', '', 'optim_wrapper.paramwise_cfg.norm_decay_mult', 'the optimizer has none', at='norm_decay_mult'),
    Case('optimizer', 'optimizer=dict(\n', 'optimiser=dict(\n', 'optim_wrapper', 'has no `optimizer`', 'optimiser', at='optim_wrapper = dict('),
    # checkpoints
    Case('load-from', 'crop_size = (512, 1024)\n', "crop_size = (512, 1024)\nload_from = 'no/such.pth'\n", 'load_from', 'no/such.pth', 'there is no folder no', at='load_from'),
    Case('load-from', 'crop_size = (512, 1024)\n', "crop_size = (512, 1024)\nresume = 'iter_100.pth'\n", 'resume', 'True or False', "load_from='iter_100.pth'", at='resume'),
    # loading
    Case('base-missing', "'./runtime.py'", "'./runtimes.py'", '_base_', 'runtimes.py', 'runtime.py'),
    Case('base-cycle', "'./runtime.py'", "'./good.py'", '_base_', 'circle', at="'./good.py'"),
    Case('config-error', 'crop_size = (512, 1024)\n', 'crop_size = (512, 1024\n', '', 'was never closed', at='(512, 1024'),
    Case('config-error', 'crop_size = (512, 1024)\n', 'crop_size = 512 / 0\n', '', 'ZeroDivisionError', at='512 / 0'),
    Case('config-error', 'norm_cfg = dict(', 'normal_cfg = dict(', '', "name 'norm_cfg' is not defined", at='norm_cfg=norm_cfg'),
    Case('custom-imports', 'crop_size = (512, 1024)\n', "crop_size = (512, 1024)\ncustom_imports = dict(imports=['no_such_module'])\n", 'custom_imports.imports', 'no_such_module', at='custom_imports'),
]
# fmt: on
