"""Bots that come with Switchyard: one YAML file each, named like its bot code."""
