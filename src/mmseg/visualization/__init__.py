from .local_visualizer import SegLocalVisualizer

__all__ = ['SegLocalVisualizer']
