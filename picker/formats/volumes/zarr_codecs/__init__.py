"""The codecs of Zarr chunks: decoded within the size that the array announces.

A store names its own codecs. Some of them run what they decode (pickle), others make
gigabytes of a few bytes. So only known codecs of numbers are accepted, and a chunk that
does not decode to the size that its shape and type say is damaged.
"""
