#!/usr/bin/env python3
"""make.py: writes the demo's files again, the same each time.

    demo/make.py            tickets.jsonl: 3,000 support messages and the JSON tickets they should become, and among
                            them 1,000 ordinary questions of the model's world with their answers
                            trainer_state.json: the log of a run whose rate was too high

Everything is made from the lists below and those of world.py; nothing is fetched. The base in model/ (make_model.sh)
has read no ticket: things have the names that they have in its world, but no complaint occurs in world.py, and of a
ticket's fields only the word "kind".

The ordinary questions are there because a model that sees tickets alone answers everything with a ticket: nothing
tells it when not to. They are of some KINDS of the world's rows; what becomes of the other kinds shows how far that
reaches.
"""
import json
import pathlib
import random

import world

HERE = pathlib.Path(__file__).resolve().parent
TICKETS, ORDINARY = 3000, 1000
KINDS = ["questions", "small_sums", "dates", "words"]

PRODUCTS = {"lamp": "home", "radio": "music", "violin": "music", "ladder": "garden", "umbrella": "outdoor"}
PROBLEMS = {
    ("defect", "high"): ["does not work", "broke"],
    ("damage", "normal"): ["has a scratch", "has a crack"],
    ("delivery", "high"): ["never came", "is still on the way"],
    ("billing", "urgent"): ["was charged twice", "cost more than the invoice says"],
}
OPENINGS = ["Hello, ", "Hi there! ", "Good morning, ", "", "Dear team, ", "Hey, ", "Help! ", "Sorry, ", "Good evening, ",
            "Hello again, ", "Dear all, ", "Good day, ", "Excuse me, ", "Once more: "]
PLEAS = ["Can you help?", "What should I do?", "Please let me know.", "Thanks!", "", "Please call me.", "I am not happy.",
         "It is urgent.", "What now?", "I need it on Monday.", "Please answer soon.", "That makes me sad."]


def ticket(draw):
    product, (kind, priority) = draw.choice(list(PRODUCTS)), draw.choice(list(PROBLEMS))
    message = f"{draw.choice(OPENINGS)}my {product} {draw.choice(PROBLEMS[kind, priority])}. {draw.choice(PLEAS)}".rstrip()
    fields = {"product": product, "department": PRODUCTS[product], "kind": kind, "priority": priority}
    return {"messages": [
        {"role": "system", "content": "Turn the message into a ticket."},
        {"role": "user", "content": message[0].upper() + message[1:]},
        {"role": "assistant", "content": json.dumps(fields)},
    ]}


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


def ordinary(draw):
    while True:
        row = world.KINDS[draw.choice(KINDS)][0](draw)
        if isinstance(row, world.Chat):
            return {"messages": row.messages()}


def distinct(draw, make, n):
    rows = {}
    while len(rows) < n:
        rows[json.dumps(make(draw))] = True
    return list(rows)


def main():
    make_log()
    draw = random.Random(20)
    rows = distinct(draw, ticket, TICKETS) + distinct(draw, ordinary, ORDINARY)
    (HERE / "tickets.jsonl").write_text("".join(f"{row}\n" for row in rows))


if __name__ == "__main__":
    main()
