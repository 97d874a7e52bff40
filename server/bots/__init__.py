"""Bots: instances with their files and validation, their Runs and logs, and the webhooks that tell of them.

Runs, validations and deliveries are Tasks of the kernel; this package shows them in the words of bots and owns what the
kernel does not know: the instances, their folders and their webhooks. It knows nothing of HTTP and never runs a bot.
"""
