#!/usr/bin/env python3
"""make.py: writes the demo's files again, the same each time.

    demo/make.py            tickets.jsonl: 240 support messages and the JSON tickets they should become
                            trainer_state.json: the log of a run whose rate was too high
    demo/make.py --model    also model/: a byte-level tokenizer trained on that text (needs the Python
                            package `tokenizers`: run it with the Python that tool/oracle.sh prints)

Everything is made from the lists below; nothing is fetched.
"""
import json
import pathlib
import random
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROWS = 240

PRODUCTS = {"kettle": "kitchen", "toaster": "kitchen", "desk lamp": "home", "bookshelf": "home",
            "headphones": "audio", "record player": "audio", "rain jacket": "clothing",
            "hiking boots": "clothing", "bicycle pump": "outdoor", "tent": "outdoor"}
PROBLEMS = {
    "does not switch on any more": ("defect", "high"),
    "arrived with a scratch": ("damage", "normal"),
    "came in the wrong colour": ("wrong item", "normal"),
    "has not arrived yet": ("delivery", "high"),
    "was charged twice": ("billing", "urgent"),
    "is too small for me": ("return", "low"),
    "makes a loud noise": ("defect", "normal"),
    "lacks its instructions": ("question", "low"),
}
OPENINGS = ["Hello, ", "Hi there! ", "Good morning, ", "", "Dear team, ", "Hey, "]
NAMES = ["Ada", "Björn", "Chidi", "Dolores", "Émile", "Fatima", "Goran", "Hana", "Iñigo", "Jun"]
CLOSINGS = ["Can you help?", "What should I do?", "Please let me know.", "Thanks!", "I need it by Friday."]


def row(draw):
    product = draw.choice(list(PRODUCTS))
    problem = draw.choice(list(PROBLEMS))
    kind, priority = PROBLEMS[problem]
    order = draw.randrange(10_000, 99_999)
    name = draw.choice(NAMES)
    message = (f"{draw.choice(OPENINGS)}my {product} {problem}. The order number is {order}. "
               f"{draw.choice(CLOSINGS)} {name}")
    ticket = {"customer": name, "order": order, "product": product, "department": PRODUCTS[product],
              "kind": kind, "priority": priority}
    return {"messages": [
        {"role": "system", "content": "Turn the message into a ticket."},
        {"role": "user", "content": message},
        {"role": "assistant", "content": json.dumps(ticket, ensure_ascii=False)},
    ]}


def make_model(texts):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=768, special_tokens=special, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    folder = HERE / "model"
    folder.mkdir(exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}, indent=2) + "\n")
    (folder / "config.json").write_text(json.dumps(
        {"model_type": "llama", "hidden_size": 128, "intermediate_size": 352, "num_hidden_layers": 4,
         "num_attention_heads": 4, "num_key_value_heads": 4, "vocab_size": 768,
         "tie_word_embeddings": True}, indent=2) + "\n")
    (folder / "chat_template.jinja").write_text(
        "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
        "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")


def make_log():
    """A run of 300 steps as transformers' Trainer logs it: a blow-up at step 120 that comes back."""
    draw = random.Random(4)
    history = []
    for step in range(5, 305, 5):
        loss = 1.4 + 1.9 / (1 + step / 25) + (1.6 * 0.97 ** (step - 120) if step >= 120 else 0)
        rate = 1e-3 * min(step / 15, (301 - step) / 286)
        history.append({"epoch": round(step / 100, 2), "grad_norm": round(0.6 * loss * draw.uniform(0.8, 1.2), 3),
                        "learning_rate": rate, "loss": round(loss * draw.gauss(1, 0.02), 4), "step": step})
    state = {"epoch": 3.0, "global_step": 300, "log_history": history, "logging_steps": 5, "max_steps": 300}
    (HERE / "trainer_state.json").write_text(json.dumps(state, indent=1) + "\n")


def main():
    make_log()
    draw = random.Random(20)
    rows = [row(draw) for _ in range(ROWS)]
    (HERE / "tickets.jsonl").write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows))
    if "--model" in sys.argv:
        make_model([m["content"] + "\nsystem user assistant" for r in rows for m in r["messages"]])


if __name__ == "__main__":
    main()
