"""Questions to napari, answered by the Python of its environment.

python with_napari.py QUESTION ARGUMENT... prints JSON.
"""

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from napari.components import ViewerModel
from napari_builtins.io import napari_write_points

from picker.jobs.view import fill_viewer, viewed


def show(folder, tomogram, saved):
    """Return what a tomogram's layers hold, and save the points of one as CSV."""
    os.chdir(folder)
    viewer = ViewerModel()  # what a window shows, without one
    fill_viewer(viewer, viewed(Path("results"), tomogram))
    layers = [
        {
            "kind": type(layer).__name__,
            "name": layer.name,
            "shape": list(layer.data.shape),
            "scale": layer.scale.tolist(),
            "units": [str(unit) for unit in layer.units],
        }
        for layer in viewer.layers
    ]
    for layer, told in zip(viewer.layers[1:], layers[1:], strict=True):
        told["places"] = (layer.data * layer.scale).tolist()
        told["size"] = layer.size.tolist()
        told["color"] = [
            [round(255 * float(value)) for value in color]
            for color in layer.border_color
        ]
        told["score"] = layer.features["score"].tolist()
    # What Save Selected Layers calls for a layer of points.
    data, properties, _ = viewer.layers["ribosome"].as_layer_data_tuple()
    napari_write_points(saved, data, properties)
    return {"layers": layers, "depth": viewer.dims.point[0]}


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
