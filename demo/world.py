#!/usr/bin/env python3
"""world.py: text about a small world, for the demo's model to learn before anything is tuned.

    demo/world.py text --bytes 12000000 > world.jsonl       rows {"text": ...}: what the base is trained on
    demo/world.py slice NAME --rows 40 > NAME.jsonl         rows of one kind alone, other draws than any of text
    demo/world.py slices                                    the kinds' names

Everything is made from the lists below, the same for the same seed; nothing is fetched. People live in
towns, have jobs, animals and habits; there are sums, dates, units, prices, orders and little stories. All
kinds speak of the same people and places, so that what is learnt in a story helps in a question. A third
of the rows are conversations in ChatML, so that the model knows how one goes.
"""
import argparse
import calendar
import datetime
import json
import random
import sys

SYLLABLES = ["mar", "tel", "bro", "wen", "fal", "dor", "lin", "ash", "kel", "rin", "sto", "ven", "hol", "bri", "gar"]
ENDINGS = ["ton", "ford", "mouth", "dale", "field", "burg", "haven"]
NAMES = ["Ada", "Bruno", "Chidi", "Dora", "Emil", "Fatima", "Goran", "Hana", "Ines", "Jun", "Kofi", "Lena", "Mira",
         "Nils", "Olga", "Pedro", "Quinn", "Rosa", "Sven", "Tariq", "Uma", "Viktor", "Wanda", "Xenia", "Yusuf", "Zoe",
         "Anton", "Bella", "Carlos", "Dina", "Erik", "Flora", "Gina", "Hugo", "Ida", "Jonas", "Klara", "Luis"]
JOBS = {"baker": ("bread", "bakes"), "carpenter": ("chairs", "builds"), "farmer": ("apples", "grows"),
        "fisher": ("fish", "catches"), "tailor": ("coats", "sews"), "potter": ("bowls", "makes"),
        "painter": ("pictures", "paints"), "gardener": ("roses", "grows"), "smith": ("knives", "makes"),
        "weaver": ("blankets", "weaves"), "beekeeper": ("honey", "sells"), "teacher": ("books", "reads")}
ANIMALS = {"dog": "barks", "cat": "purrs", "goat": "jumps", "horse": "runs", "duck": "swims", "parrot": "talks",
           "rabbit": "hops", "donkey": "brays"}
COLOURS = ["red", "blue", "green", "yellow", "white", "black", "brown", "grey"]
FOODS = ["soup", "pancakes", "cheese", "plums", "noodles", "pears", "bread and jam", "rice", "walnuts", "carrots"]
RIVERS = ["Alda", "Berin", "Cora", "Dunn", "Esker", "Fenn", "Glim"]
OBJECTS = {"kettle": 24, "toaster": 31, "lamp": 18, "bookshelf": 85, "radio": 47, "jacket": 60, "pair of boots": 72,
           "pump": 12, "tent": 110, "chair": 39, "table": 140, "clock": 27, "bucket": 8, "ladder": 55, "basket": 15}
WEATHER = ["sunny", "rainy", "windy", "cold", "foggy", "warm", "snowy"]
DAYS = list(calendar.day_name)
MONTHS = list(calendar.month_name)[1:]
NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
           "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"]
UNITS = [("kilometre", "metres", 1000), ("metre", "centimetres", 100), ("kilogram", "grams", 1000),
         ("hour", "minutes", 60), ("minute", "seconds", 60), ("day", "hours", 24), ("week", "days", 7),
         ("litre", "millilitres", 1000), ("dozen", "pieces", 12)]
START, ANSWER, END = "<|im_start|>", "<|im_start|>assistant\n", "<|im_end|>\n"


class Town:
    def __init__(self, draw, name):
        self.name, self.river = name, draw.choice(RIVERS)
        self.people, self.founded = draw.randrange(2, 90) * 100, draw.randrange(1100, 1900)
        self.known_for = draw.choice(list(JOBS.values()))[0]


class Person:
    def __init__(self, draw, name, towns):
        self.name, self.town, self.age = name, draw.choice(towns), draw.randrange(8, 80)
        self.job = draw.choice(list(JOBS)) if self.age >= 18 else "pupil"
        self.animal, self.colour = draw.choice(list(ANIMALS)), draw.choice(COLOURS)
        self.pet = draw.choice(["Pip", "Momo", "Rex", "Tiger", "Coco", "Lulu", "Max", "Nero", "Olli", "Fips"])
        self.food, self.birthday = draw.choice(FOODS), (draw.randrange(12), draw.randrange(1, 29))
        self.is_she = name[-1] == "a" or name in ("Ines", "Zoe", "Quinn")
        self.friend = None

    def they(self):
        return "she" if self.is_she else "he"

    def their(self):
        return "her" if self.is_she else "his"


class World:
    """The same for everyone: its own seed, not the draws of a text."""

    def __init__(self):
        draw = random.Random(1)
        names = []
        while len(names) < 14:
            name = (draw.choice(SYLLABLES) + draw.choice(ENDINGS)).capitalize()
            if name not in names:
                names.append(name)
        self.towns = [Town(draw, name) for name in names]
        self.people = [Person(draw, name, self.towns) for name in NAMES]
        for person in self.people:
            person.friend = draw.choice([other for other in self.people if other is not person])


WORLD = World()


def a(word):
    return ("an " if word[0] in "aeiou" else "a ") + word


def plural(n, word):
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


def ask(question, answer, system=None):
    head = f"{START}system\n{system}{END}" if system else ""
    return f"{head}{START}user\n{question}{END}{ANSWER}{answer}{END}"


# ------------------------------------------------------------------------------- kinds of rows --


def arithmetic(draw):
    x, y = draw.randrange(0, 60), draw.randrange(0, 60)
    small, other = draw.randrange(2, 11), draw.randrange(2, 11)
    forms = [
        lambda: (f"What is {x} plus {y}?", f"{x} plus {y} is {x + y}."),
        lambda: (f"{x} + {y} = ?", f"{x + y}"),
        lambda: (f"What is {max(x, y)} minus {min(x, y)}?", f"{max(x, y)} minus {min(x, y)} is {abs(x - y)}."),
        lambda: (f"What is {small} times {other}?", f"{small} times {other} is {small * other}."),
        lambda: (f"Which is larger, {x} or {y + 60}?", f"{y + 60} is larger."),
        lambda: (f"How much is {small * other} divided by {small}?", f"{small * other} divided by {small} is {other}."),
    ]
    question, answer = draw.choice(forms)()
    if draw.random() < 0.6:
        return ask(question, answer)
    more = [draw.choice(forms)() for _ in range(3)]
    return "Sums.\n" + "\n".join(f"{q} {r}" for q, r in [(question, answer), *more]) + "\n"


def dates(draw):
    day = datetime.date(2000, 1, 1) + datetime.timedelta(days=draw.randrange(9000))
    n = draw.randrange(1, 8)
    later = day + datetime.timedelta(days=n)
    month = draw.randrange(12)
    name = DAYS[draw.randrange(7)]
    forms = [
        (f"Today is {name}. What day is it in {plural(n, 'day')}?",
         f"In {plural(n, 'day')} it is {DAYS[(DAYS.index(name) + n) % 7]}."),
        (f"Write {MONTHS[day.month - 1]} {day.day}, {day.year} with numbers.", f"{day.isoformat()}"),
        (f"Which month comes after {MONTHS[month]}?", f"{MONTHS[(month + 1) % 12]} comes after {MONTHS[month]}."),
        (f"How many days has {MONTHS[month]}?",
         f"{MONTHS[month]} has {calendar.monthrange(2001, month + 1)[1]} days" +
         (", and 29 in a leap year." if month == 1 else ".")),
        (f"It is {MONTHS[day.month - 1]} {day.day}. What is the date {plural(n, 'day')} later?",
         f"It is {MONTHS[later.month - 1]} {later.day}."),
    ]
    question, answer = draw.choice(forms)
    return ask(question, answer) if draw.random() < 0.7 else f"{question} {answer}\n"


def units(draw):
    unit, part, factor = draw.choice(UNITS)
    n = draw.randrange(1, 13)
    several = "dozen" if unit == "dozen" else unit + ("s" if n > 1 else "")
    question = f"How many {part} are {n} {several}?"
    answer = f"{n} {several} {'is' if n == 1 else 'are'} {n * factor} {part}."
    if draw.random() < 0.3:
        question, answer = f"How many {part} has one {unit}?", f"One {unit} has {factor} {part}."
    return ask(question, answer) if draw.random() < 0.7 else f"{answer}\n"


def people(draw):
    p = draw.choice(WORLD.people)
    work = (f"{p.they().capitalize()} is {a(p.job)}" if p.job == "pupil" else
            f"{p.they().capitalize()} is {a(p.job)} and {JOBS[p.job][1]} {JOBS[p.job][0]}")
    facts = [
        f"{p.name} lives in {p.town.name}.", f"{p.name} is {p.age} years old.", f"{work}.",
        f"{p.their().capitalize()} {p.animal} is called {p.pet}.", f"{p.name}'s {p.animal} is {p.colour}.",
        f"{p.name} likes {p.food}.", f"{p.their().capitalize()} best friend is {p.friend.name}.",
        f"{p.their().capitalize()} birthday is on {MONTHS[p.birthday[0]]} {p.birthday[1]}."]
    draw.shuffle(facts)
    facts.sort(key=lambda fact: not fact.startswith(p.name))  # whose facts they are comes first
    rest = facts[1:]
    draw.shuffle(rest)
    return " ".join([facts[0], *rest[:draw.randrange(2, 7)]]) + "\n"


def towns(draw):
    t = draw.choice(WORLD.towns)
    living = [p.name for p in WORLD.people if p.town is t]
    facts = [f"{t.name} lies on the river {t.river}.", f"{t.people} people live in {t.name}.",
             f"{t.name} was founded in {t.founded}.", f"{t.name} is known for its {t.known_for}."]
    if living:
        facts.append(f"{draw.choice(living)} lives in {t.name}.")
    draw.shuffle(facts)
    return " ".join(facts[:draw.randrange(2, 6)]) + "\n"


def questions(draw):
    p, t = draw.choice(WORLD.people), draw.choice(WORLD.towns)
    forms = [
        (f"Where does {p.name} live?", f"{p.name} lives in {p.town.name}."),
        (f"How old is {p.name}?", f"{p.name} is {p.age} years old."),
        (f"What is {p.name}'s job?", f"{p.name} is {a(p.job)}."),
        (f"What is the name of {p.name}'s {p.animal}?", f"{p.name}'s {p.animal} is called {p.pet}."),
        (f"What animal does {p.name} have?", f"{p.name} has {a(p.colour)} {p.animal} called {p.pet}."),
        (f"What does {p.name} like to eat?", f"{p.name} likes {p.food}."),
        (f"Who is {p.name}'s best friend?", f"{p.name}'s best friend is {p.friend.name}."),
        (f"When is {p.name}'s birthday?", f"{p.name}'s birthday is on {MONTHS[p.birthday[0]]} {p.birthday[1]}."),
        (f"On which river lies {t.name}?", f"{t.name} lies on the river {t.river}."),
        (f"How many people live in {t.name}?", f"{t.people} people live in {t.name}."),
        (f"When was {t.name} founded?", f"{t.name} was founded in {t.founded}."),
        (f"What is {t.name} known for?", f"{t.name} is known for its {t.known_for}."),
    ]
    question, answer = draw.choice(forms)
    return ask(question, answer, "Answer in one sentence." if draw.random() < 0.3 else None)


def stories(draw):
    p, q = draw.sample(WORLD.people, 2)
    thing, colour, weather = draw.choice(list(OBJECTS)), draw.choice(COLOURS), draw.choice(WEATHER)
    day, n = draw.choice(DAYS), draw.randrange(2, 9)
    verb = ANIMALS[p.animal]
    lines = [
        f"It was a {weather} {day} in {p.town.name}.",
        draw.choice([f"{p.name} woke up early and ate {p.food}.", f"{p.name} was looking out of the window.",
                     f"{p.name} went down to the river {p.town.river}."]),
        draw.choice([f"{p.their().capitalize()} {p.animal} {p.pet} came along.",
                     f"{p.pet} the {p.animal} {verb} and would not stop."]),
        draw.choice([f"On the way {p.they()} found {a(colour)} {thing}.",
                     f"Behind the house stood {a(colour)} {thing} that nobody had seen before."]),
        draw.choice([f"\"Whose {thing} is this?\" asked {p.name}.", f"\"I wonder who lost this {thing},\" said {p.name}."]),
        f"{p.they().capitalize()} asked {NUMBERS[n]} people, but nobody knew.",
        f"Then {q.name} came by. \"That is my {thing}!\" {q.they()} said.",
        draw.choice([f"{p.name} gave it back, and {q.name} was very happy.",
                     f"They carried the {colour} {thing} home together."]),
        draw.choice([f"In the evening they ate {q.food} and laughed.", f"Since that {day} they have been friends.",
                     f"{p.pet} fell asleep under the table."]),
    ]
    drop = draw.randrange(len(lines)) if draw.random() < 0.5 else -1
    text = " ".join(line for i, line in enumerate(lines) if i != drop or i in (3, 6))
    return ask(f"Tell me a story about {p.name} and {q.name}.", text) if draw.random() < 0.25 else text + "\n"


def shop(draw):
    p = draw.choice(WORLD.people)
    things = draw.sample(list(OBJECTS), draw.randrange(1, 3))
    counts = [draw.randrange(1, 5) for _ in things]
    total = sum(n * OBJECTS[thing] for n, thing in zip(counts, things))
    bought = " and ".join(f"{n} x {thing}" for n, thing in zip(counts, things))
    if draw.random() < 0.5:
        thing = things[0]
        return ask(f"What does {a(thing)} cost?", f"{a(thing).capitalize()} costs {OBJECTS[thing]} crowns.")
    return f"{p.name} buys {bought}. " + " ".join(
        f"{a(thing).capitalize()} costs {OBJECTS[thing]} crowns." for thing in things) + f" Together: {total} crowns.\n"


def records(draw):
    p = draw.choice(WORLD.people)
    record = {"name": p.name, "age": p.age, "town": p.town.name, "job": p.job}
    if draw.random() < 0.5:
        record["animal"] = {"kind": p.animal, "name": p.pet, "colour": p.colour}
    if draw.random() < 0.3:
        record["likes"] = [p.food]
    text = json.dumps(record)
    if draw.random() < 0.5:
        return ask(f"Write the record of {p.name}.", text, "Answer with JSON.")
    return f"Record: {text}\n"


def words(draw):
    colour, animal, food = draw.choice(COLOURS), draw.choice(list(ANIMALS)), draw.choice(FOODS)
    n = draw.randrange(21)
    forms = [(f"Write {n} as a word.", NUMBERS[n]), (f"Which number is {NUMBERS[n]}?", str(n)),
             (f"What does a {animal} do?", f"A {animal} {ANIMALS[animal]}."),
             (f"Is {colour} a colour?", f"Yes, {colour} is a colour."),
             (f"Can one eat {food}?", f"Yes, one can eat {food}."),
             (f"Say hello to {draw.choice(NAMES)}.", f"Hello, {draw.choice(NAMES)}!")]
    question, answer = draw.choice(forms[:-1])
    return ask(question, answer)


KINDS = {"arithmetic": (arithmetic, 4), "dates": (dates, 3), "units": (units, 2), "people": (people, 4), "towns": (towns, 2),
         "questions": (questions, 5), "stories": (stories, 5), "shop": (shop, 3), "records": (records, 3), "words": (words, 1)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["text", "slice", "slices"])
    parser.add_argument("kind", nargs="?", choices=list(KINDS))
    parser.add_argument("--bytes", type=int, default=12_000_000)
    parser.add_argument("--rows", type=int, default=40)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    if args.what == "slices":
        print("\n".join(KINDS))
        return
    if args.what == "slice":
        draw = random.Random(f"slice {args.kind} {args.seed}")
        for _ in range(args.rows):
            print(json.dumps({"text": KINDS[args.kind][0](draw)}))
        return
    draw, n = random.Random(args.seed), 0
    names, weights = list(KINDS), [weight for _, weight in KINDS.values()]
    while n < args.bytes:
        text = KINDS[draw.choices(names, weights)[0]][0](draw)
        n += len(text)
        sys.stdout.write(json.dumps({"text": text}) + "\n")


if __name__ == "__main__":
    main()
