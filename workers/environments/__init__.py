"""Cloud development environments: makes, runs and compares them at providers, as Tasks.

Each provider is one module or folder behind `provider.Provider`. Where an environment stands is the server's to say.
"""
