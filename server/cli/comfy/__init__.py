"""`switchyard comfy`: sessions at ComfyUI and the prompts they send."""
