"""Sessions at ComfyUI: a process that holds one browser (or one connection) and sends prompts, one after the other.

    worker (session_task, prompt_task) -- messages --> run process (session_program) -> a `Comfy` -> ComfyUI

What is known of ComfyUI's formats stands in pure modules: workflow, inputs, seeds, user_data, validation, happenings,
history. A `Comfy` is either the real page in a Chromium (browser_page) or ComfyUI's API alone (api_connection).
"""
