#!/usr/bin/env python3
"""Servers of fill-mask as somebody writes them in Python: FastAPI behind uvicorn, with the reference's pipeline or onnxruntime. compare_serve.py starts them.

    serve_peers.py reference MODEL PORT [--dtype float32|bfloat16]
    serve_peers.py onnx MODEL PORT --file MODEL.onnx

POST /models/NAME takes {"inputs": "…", "parameters": {"top_k": 5}}. What waits while a batch is computed is the next batch, of at most 64 texts. Needs fastapi,
uvicorn[standard] and transformers with torch, or onnxruntime.
"""
import argparse
import asyncio
import concurrent.futures
import contextlib
import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
MOST = 64  # texts of a batch


def reference(folder, dtype):
    import torch
    import transformers

    fill = transformers.pipeline("fill-mask", model=folder, dtype=getattr(torch, dtype), device="cpu")

    def answer(texts, top_k):
        with torch.inference_mode():
            answers = fill(texts, top_k=top_k, batch_size=len(texts))
        return answers if len(texts) > 1 else [answers[0] if isinstance(answers[0], list) else answers]

    return answer


def onnx(folder, file):
    import numpy
    import onnxruntime
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_inputs()]

    def answer(texts, top_k):
        batch = tokenizer(texts, padding=True, return_tensors="np")
        ids = batch["input_ids"]
        (logits,) = session.run(["logits"], {name: batch[name].astype(numpy.int64) for name in names})
        answers = []
        for text, places in enumerate(ids == tokenizer.mask_token_id):
            (place,) = places.nonzero()[0]
            row = logits[text, place]
            best = numpy.argpartition(row, -top_k)[-top_k:]
            best = best[numpy.argsort(-row[best])]
            scores = numpy.exp(row[best] - row.max()) / numpy.exp(row - row.max()).sum()
            predictions = []
            for token, score in zip(best.tolist(), scores.tolist()):
                filled = ids[text].copy()
                filled[place] = token
                predictions.append({"score": score, "token": token, "token_str": tokenizer.decode([token]),
                                    "sequence": tokenizer.decode(filled, skip_special_tokens=True)})
            answers.append(predictions)
        return answers

    return answer


def serve(answer, port):
    import fastapi
    import pydantic
    import uvicorn

    class Parameters(pydantic.BaseModel):
        top_k: int = 5

    class Question(pydantic.BaseModel):
        inputs: str
        parameters: Parameters = Parameters()

    waiting = asyncio.Queue()
    model = concurrent.futures.ThreadPoolExecutor(1)

    async def work():
        while True:
            batch = [await waiting.get()]
            while len(batch) < MOST and not waiting.empty():
                batch.append(waiting.get_nowait())
            top_k = max(question.parameters.top_k for question, _ in batch)
            try:
                answers = await asyncio.get_running_loop().run_in_executor(model, answer, [question.inputs for question, _ in batch], top_k)
                for (question, future), predictions in zip(batch, answers):
                    future.set_result(predictions[: question.parameters.top_k])
            except Exception as error:
                for _, future in batch:
                    future.set_exception(error)

    @contextlib.asynccontextmanager
    async def running(_):
        task = asyncio.create_task(work())
        yield
        task.cancel()

    app = fastapi.FastAPI(lifespan=running)

    @app.post("/models/{name}")
    async def fill(name: str, question: Question):
        future = asyncio.get_running_loop().create_future()
        waiting.put_nowait((question, future))
        return await future

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["reference", "onnx"])
    parser.add_argument("model")
    parser.add_argument("port", type=int)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--file")
    options = parser.parse_args()
    serve(reference(options.model, options.dtype) if options.kind == "reference" else onnx(options.model, options.file), options.port)


main()
