from mmengine.strategies import DeepSpeedOptimWrapper, DeepSpeedStrategy, MMDeepSpeedEngineWrapper

__all__ = ['DeepSpeedOptimWrapper', 'DeepSpeedStrategy', 'MMDeepSpeedEngineWrapper']
