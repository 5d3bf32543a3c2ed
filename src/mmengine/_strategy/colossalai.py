from mmengine.strategies import ColossalAIStrategy

__all__ = ['ColossalAIStrategy']
