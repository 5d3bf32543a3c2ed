from .clip_text_encoder import CLIPTextEncoder, QuickGELU

__all__ = ['CLIPTextEncoder', 'QuickGELU']
