"""What Keras itself makes of pictures. Run with an interpreter that has TensorFlow: `make keras`.

python -m tests.keras.reference vectors OUT.npz SEED PHOTO...   each network's own output, pooled
python -m tests.keras.reference preprocessing                   the numbers of tests/keras/preprocessing.json
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from embedder_service.model_tools import keras_export

MODES = ("caffe", "tf", "torch")
# Each channel at its ends, between, and in an order that an exchange of channels would not leave alone.
PIXELS = [[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255], [12, 34, 56], [200, 100, 50]]


def vectors(out: str, seed: str, *photos: str) -> None:
    """Write each network's vectors of photographs, as Keras's own documentation computes them."""
    import keras

    found = {}
    for name in keras_export.NETWORKS:
        network = keras_export.network(name, keras_export.RANDOM, int(seed))
        prepare = getattr(keras.applications, name.lower()).preprocess_input
        pictures = [keras.utils.load_img(path, target_size=(224, 224), interpolation="bilinear") for path in photos]
        batch = prepare(np.stack([keras.utils.img_to_array(picture) for picture in pictures]))
        found[name.lower()] = network.predict(batch, verbose=0)
    np.savez(out, **found)


def preprocessing() -> None:
    """Write what each mode of `preprocess_input` makes of a few pixels."""
    from keras.src.applications.imagenet_utils import preprocess_input

    def of(mode: str) -> Any:
        return preprocess_input(np.array(PIXELS, np.float32)[None, None], mode=mode)[0, 0].tolist()

    numbers = {"pixels": PIXELS, **{mode: of(mode) for mode in MODES}}
    Path(__file__).with_name("preprocessing.json").write_text(json.dumps(numbers, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1] == "vectors":
        vectors(*sys.argv[2:])
    else:
        preprocessing()
