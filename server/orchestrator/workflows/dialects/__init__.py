"""The dialects of workflow files: how each says the same graph. Pure.

Five of them are met in the wild. Nodes stand in an object by id or in a list; their fields go by several names; the
graph stands at the top or in the envelope of a template; connections name their ends by four keys, in one of two
vocabularies, or as pairs. A file may mix all of this: what can be understood in one way only is taken.
"""
