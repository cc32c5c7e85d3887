"""The reference's fill-mask pipeline on one text, from nothing. Prints the likeliest token of the first mask as one line of
JSON; `tekio bench fill` runs it and measures the whole process.

    PYTHON fill.py MODEL TEXT
"""
import json
import os
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import transformers


def main():
    folder, text = sys.argv[1:]
    transformers.logging.set_verbosity_error()
    answer = transformers.pipeline("fill-mask", model=folder)(text)
    while isinstance(answer, list):
        answer = answer[0]
    print(json.dumps({"what": "fill", "token": answer["token"], "sequence": answer["sequence"], "score": answer["score"],
                      "transformers": transformers.__version__}))


if __name__ == "__main__":
    main()
