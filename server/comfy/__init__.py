"""ComfyUI: sessions that workers hold, the workflows in them, and their prompts.

Owns the rows of sessions, graphs and prompts. Knows nothing of browsers and of what ComfyUI speaks: the workers do.
"""
