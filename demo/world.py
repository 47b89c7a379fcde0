#!/usr/bin/env python3
"""world.py: text about a small world, for the demo's model to learn before anything is tuned.

    demo/world.py text --bytes 12000000 > world.jsonl       rows {"text": ...}: what the base is trained on; --stage 2
    demo/world.py slice NAME --rows 100 > NAME.jsonl        rows of one kind alone, other draws than those of text
    demo/world.py slices                                    the kinds' names

Everything is made from the lists below, the same for the same seed; nothing is fetched. Forty people live in
sixteen towns, have jobs, animals, friends and habits; there are sums, dates, units, prices, records as JSON and
little stories. All kinds speak of the same people and places, so that what is learnt in a story helps in a
question. Kinds with made-up names and numbers (reading, a part of records) can only be answered from what was
said just before. There are two stages, for two runs one behind the other; the second has more of small sums, and
texts of words that nobody knows.

Three in five rows are conversations in ChatML, some of several turns. A slice's conversations are rows
{"messages": [...]}, so that what is measured there is the answers.
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
         "Anton", "Bella", "Carlos", "Dina", "Erik", "Flora", "Gina", "Hugo", "Ida", "Jonas", "Klara", "Luis", "Nora",
         "Otto"]
JOBS = {"baker": ("bread", "bakes"), "carpenter": ("chairs", "builds"), "farmer": ("apples", "grows"),
        "fisher": ("fish", "catches"), "tailor": ("coats", "sews"), "potter": ("bowls", "makes"),
        "painter": ("pictures", "paints"), "gardener": ("roses", "grows"), "smith": ("knives", "makes"),
        "weaver": ("blankets", "weaves"), "beekeeper": ("honey", "sells"), "teacher": ("books", "reads")}
ANIMALS = {"dog": "barks", "cat": "purrs", "goat": "jumps", "horse": "runs", "duck": "swims", "parrot": "talks",
           "rabbit": "hops", "donkey": "brays"}
PETS = ["Pip", "Momo", "Rex", "Tiger", "Coco", "Lulu", "Max", "Nero", "Olli", "Fips"]
COLOURS = ["red", "blue", "green", "yellow", "white", "black", "brown", "grey"]
FOODS = ["soup", "pancakes", "cheese", "plums", "noodles", "pears", "bread and jam", "rice", "walnuts", "carrots"]
RIVERS = ["Alda", "Berin", "Cora", "Dunn", "Esker", "Fenn", "Glim"]
PRICES = {"lamp": 18, "radio": 47, "pump": 12, "chair": 39, "clock": 27, "bucket": 8, "ladder": 55, "basket": 15,
          "drum": 33, "kite": 9, "mirror": 21, "saddle": 64, "violin": 95, "whistle": 3, "barrel": 26, "umbrella": 14}
GOODS = ["apples", "pears", "plums", "walnuts", "eggs", "coins", "stones", "books", "candles", "buttons", "roses"]
WEATHER = ["sunny", "rainy", "windy", "cold", "foggy", "warm", "snowy"]
DAYS = list(calendar.day_name)
MONTHS = list(calendar.month_name)[1:]
SEASONS = ["winter", "spring", "summer", "autumn"]
NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
           "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"]
UNITS = [("kilometre", "metres", 1000), ("metre", "centimetres", 100), ("kilogram", "grams", 1000),
         ("hour", "minutes", 60), ("minute", "seconds", 60), ("day", "hours", 24), ("week", "days", 7),
         ("litre", "millilitres", 1000), ("dozen", "pieces", 12), ("year", "months", 12)]
OPPOSITES = [("hot", "cold"), ("big", "small"), ("old", "young"), ("fast", "slow"), ("light", "dark"), ("up", "down"),
             ("full", "empty"), ("wet", "dry"), ("long", "short"), ("early", "late"), ("loud", "quiet"),
             ("open", "closed"), ("happy", "sad"), ("rich", "poor"), ("left", "right"), ("day", "night")]
COMMON = [("What colour is grass?", "Grass is green."), ("What colour is snow?", "Snow is white."),
          ("What colour is the sky on a clear day?", "On a clear day the sky is blue."),
          ("Where does the sun rise?", "The sun rises in the east."),
          ("Where does the sun set?", "The sun sets in the west."), ("What is ice?", "Ice is frozen water."),
          ("What do bees make?", "Bees make honey."), ("What do cows give?", "Cows give milk."),
          ("How many legs has a spider?", "A spider has eight legs."),
          ("How many legs has a dog?", "A dog has four legs."), ("What do we breathe?", "We breathe air."),
          ("How many seasons has a year?", "A year has four seasons."),
          ("What falls from clouds?", "Rain and snow fall from clouds."), ("Where do fish live?", "Fish live in water."),
          ("What does a clock show?", "A clock shows the time."), ("What is bread made of?", "Bread is made of flour."),
          ("What shines at night?", "The moon and the stars shine at night."),
          ("How many corners has a triangle?", "A triangle has three corners."),
          ("How many sides has a square?", "A square has four sides."),
          ("Is a stone harder than bread?", "Yes, a stone is harder than bread."),
          ("Who are you?", "I am a small model. I know sixteen towns and their people."),
          ("Who made you?", "A program called pace made me, from random numbers and text about a small world."),
          ("Hello!", "Hello! What would you like to know?"), ("Hi", "Hello! What would you like to know?"),
          ("Thank you!", "You are welcome."), ("Good night.", "Good night, and sleep well.")]
START, ANSWER, END = "<|im_start|>", "<|im_start|>assistant\n", "<|im_end|>\n"


class Town:
    def __init__(self, draw, name):
        self.name, self.river = name, draw.choice(RIVERS)
        self.size, self.founded = draw.randrange(2, 90) * 100, draw.randrange(1100, 1900)
        self.known_for = draw.choice(list(JOBS.values()))[0]
        self.people = []


class Person:
    def __init__(self, draw, name, towns):
        self.name, self.town, self.age = name, draw.choice(towns), draw.randrange(8, 80)
        self.job = draw.choice(list(JOBS)) if self.age >= 18 else "pupil"
        self.animal, self.colour = draw.choice(list(ANIMALS)), draw.choice(COLOURS)
        self.pet, self.food = draw.choice(PETS), draw.choice(FOODS)
        birthday = (draw.randrange(12), draw.randrange(1, 29))
        self.birthday = f"{MONTHS[birthday[0]]} {birthday[1]}"
        is_she = name[-1] == "a" or name in ("Ines", "Zoe", "Quinn")
        self.they, self.their, self.them = ("she", "her", "her") if is_she else ("he", "his", "him")
        self.friend = None
        self.town.people.append(self)

    def work(self):
        """What the job is, for after the name or "She"."""
        return "is a pupil" if self.job == "pupil" else \
            f"is {a(self.job)} and {JOBS[self.job][1]} {JOBS[self.job][0]}"


class World:
    """The same for everyone: its own seed, not the draws of a text."""

    def __init__(self):
        draw = random.Random(1)
        names = []
        while len(names) < 16:
            name = (draw.choice(SYLLABLES) + draw.choice(ENDINGS)).capitalize()
            if name not in names:
                names.append(name)
        self.towns = [Town(draw, name) for name in names]
        self.people = [Person(draw, name, self.towns) for name in NAMES]
        for person in self.people:
            person.friend = draw.choice([other for other in self.people if other is not person])


def a(word):
    return ("an " if word[0] in "aeiou" else "a ") + word


def plural(n, word):
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


WORLD = World()


class Chat:
    """A conversation: pairs of what is asked and answered."""

    def __init__(self, turns, system=None):
        self.turns, self.system = turns, system

    def messages(self):
        rows = [{"role": "system", "content": self.system}] if self.system else []
        for question, answer in self.turns:
            rows += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        return rows

    def text(self):
        return "".join(f"{START}{m['role']}\n{m['content']}{END}" for m in self.messages())


def talk(draw, pair, more=0.3):
    """A conversation of one turn, or of two to four."""
    turns = [pair(draw)]
    while len(turns) < 4 and draw.random() < more:
        turn = pair(draw)
        if turn not in turns:
            turns.append(turn)
    return Chat(turns)


def made_up(draw):
    """A name of nobody in the world, of any letters."""
    syllables = [draw.choice("bcdfghjklmnprstvwz") + draw.choice("aeiou") + draw.choice(["", "", *"lmnrstxy"])
                 for _ in range(draw.randrange(1, 4))]
    return (draw.choice(["", "", *"AEIOU"]) + "".join(syllables)).capitalize()


def any_number(draw):
    return draw.randrange(10 ** draw.randrange(1, 5), 100_000)


# ----------------------------------------------------------------------------------- numbers --


def sum_pair(draw):
    top = 21 if draw.random() < 0.6 else 100
    x, y = draw.randrange(top), draw.randrange(top)
    few, other = draw.randrange(1, 11), draw.randrange(1, 11)
    high, low = max(x, y), min(x, y)
    return draw.choice([
        lambda: (f"What is {x} plus {y}?", f"{x} plus {y} is {x + y}."),
        lambda: (f"{x} + {y} = ?", f"{x} + {y} = {x + y}"),
        lambda: (f"What is {high} minus {low}?", f"{high} minus {low} is {high - low}."),
        lambda: (f"{high} - {low} = ?", f"{high} - {low} = {high - low}"),
        lambda: (f"What is {few} times {other}?", f"{few} times {other} is {few * other}."),
        lambda: (f"How much is {few * other} divided by {few}?", f"{few * other} divided by {few} is {other}."),
        lambda: (f"What is half of {2 * few}?", f"Half of {2 * few} is {few}."),
    ])()


def sums(draw):
    if draw.random() < 0.5:
        return talk(draw, sum_pair, 0.6)
    top = 21 if draw.random() < 0.6 else 100
    lines = []
    for _ in range(draw.randrange(4, 12)):
        x, y = draw.randrange(top), draw.randrange(top)
        few, other = draw.randrange(1, 11), draw.randrange(1, 11)
        lines.append(draw.choice([f"{x} + {y} = {x + y}", f"{max(x, y)} - {min(x, y)} = {abs(x - y)}",
                                  f"{few} * {other} = {few * other}"]))
    return "\n".join(lines) + "\n"


def problem_pair(draw):
    p, goods = draw.choice(WORLD.people), draw.choice(GOODS)
    x, y = draw.randrange(2, 20), draw.randrange(1, 20)
    they = p.they.capitalize()
    if draw.random() < 0.5:
        how, end = draw.choice([("finds", x + y), ("buys", x + y), ("gets", x + y)])
        return (f"{p.name} has {x} {goods} and {how} {y} more. How many {goods} has {p.name} now?",
                f"{x} + {y} = {x + y}. {they} has {end} {goods}.")
    return (f"{p.name} has {x + y} {goods} and gives {y} of them to {p.friend.name}. How many {goods} are left?",
            f"{x + y} - {y} = {x}. {they} has {x} {goods} left.")


def problems(draw):
    return talk(draw, problem_pair)


def counting_pair(draw):
    n, step = draw.randrange(1, 40), draw.choice([1, 1, 2, 5, 10])
    row = [n + i * step for i in range(6)]
    some = draw.sample(range(1, 100), 4)
    x, y = draw.sample(range(1000), 2)
    word = draw.randrange(21)
    return draw.choice([
        (f"Count from {row[0]} to {row[0] + 5}.", ", ".join(str(row[0] + i) for i in range(6)) + "."),
        (f"What comes next: {', '.join(map(str, row[:4]))}?", f"{row[4]} comes next."),
        (f"Which is larger, {x} or {y}?", f"{max(x, y)} is larger than {min(x, y)}."),
        (f"Sort these numbers: {', '.join(map(str, some))}.", ", ".join(map(str, sorted(some))) + "."),
        (f"Write {word} as a word.", f"{NUMBERS[word].capitalize()}."),
        (f"Which number is {NUMBERS[word]}?", f"{word}."),
        (f"Is {n} even or odd?", f"{n} is {'odd' if n % 2 else 'even'}."),
    ])


def counting(draw):
    return talk(draw, counting_pair)


def date_pair(draw):
    day = datetime.date(2000, 1, 1) + datetime.timedelta(days=draw.randrange(9000))
    n, name, month = draw.randrange(1, 8), draw.choice(DAYS), draw.randrange(12)
    later = day + datetime.timedelta(days=n)
    after = DAYS[(DAYS.index(name) + n) % 7]
    hour, minute = draw.randrange(1, 12), draw.choice([0, 15, 30])
    return draw.choice([
        (f"Today is {name}. What day is it in {plural(n, 'day')}?", f"In {plural(n, 'day')} it is {after}."),
        (f"Which day comes after {name}?", f"{DAYS[(DAYS.index(name) + 1) % 7]} comes after {name}."),
        (f"Write {MONTHS[day.month - 1]} {day.day}, {day.year} with numbers.", f"{day.isoformat()}"),
        (f"Which date is {day.isoformat()}?", f"{MONTHS[day.month - 1]} {day.day}, {day.year}."),
        (f"Which month comes after {MONTHS[month]}?", f"{MONTHS[(month + 1) % 12]} comes after {MONTHS[month]}."),
        (f"In which season is {MONTHS[month]}?", f"{MONTHS[month]} is in {SEASONS[(month + 1) % 12 // 3]}."),
        (f"How many days has {MONTHS[month]}?",
         f"{MONTHS[month]} has {calendar.monthrange(2001, month + 1)[1]} days" +
         (", and 29 in a leap year." if month == 1 else ".")),
        (f"It is {MONTHS[day.month - 1]} {day.day}. What is the date {plural(n, 'day')} later?",
         f"It is {MONTHS[later.month - 1]} {later.day}."),
        (f"It is {hour}:{minute:02}. What time is it in half an hour?",
         f"In half an hour it is {hour + (minute + 30) // 60}:{(minute + 30) % 60:02}."),
    ])


def dates(draw):
    return talk(draw, date_pair)


def unit_pair(draw):
    unit, part, factor = draw.choice(UNITS)
    n = draw.randrange(2, 13)
    several = "dozen" if unit == "dozen" else unit + "s"
    return draw.choice([
        (f"How many {part} are {n} {several}?", f"{n} {several} are {n * factor} {part}."),
        (f"How many {part} has one {unit}?", f"One {unit} has {factor} {part}."),
        (f"How many {several} are {n * factor} {part}?", f"{n * factor} {part} are {n} {several}."),
    ])


def units(draw):
    if draw.random() < 0.7:
        return talk(draw, unit_pair)
    return " ".join(unit_pair(draw)[1] for _ in range(4)) + "\n"


# ------------------------------------------------------------------------- people and places --


def facts_of(p):
    they, their = p.they.capitalize(), p.their.capitalize()
    return [
        (f"{p.name} lives in {p.town.name}.", f"{their} home is in {p.town.name}."),
        (f"{p.name} is {p.age} years old.", f"{they} is {p.age}."),
        (f"{p.name} {p.work()}.", f"{they} {p.work()}."),
        (f"{p.name} has {a(p.colour)} {p.animal} called {p.pet}.", f"{their} {p.animal} is called {p.pet}."),
        (f"{p.name}'s {p.animal} is {p.colour}.", f"{their} {p.animal} {p.pet} is {p.colour}."),
        (f"{p.name} likes {p.food}.", f"{they} likes to eat {p.food}."),
        (f"{p.name}'s best friend is {p.friend.name}.", f"{their} best friend is {p.friend.name}."),
        (f"{p.name}'s birthday is on {p.birthday}.", f"{they} was born on {p.birthday}."),
    ]


def people(draw):
    p = draw.choice(WORLD.people)
    facts = draw.sample(facts_of(p), draw.randrange(3, 9))
    text = " ".join([facts[0][0], *[fact[draw.random() < 0.8] for fact in facts[1:]]])
    if draw.random() < 0.3:
        return Chat([(draw.choice([f"Tell me about {p.name}.", f"Who is {p.name}?", f"What do you know about {p.name}?"]),
                      text)])
    return text + "\n"


def town_facts(draw, t):
    facts = [f"{t.name} lies on the river {t.river}.", f"{t.size} people live in {t.name}.",
             f"{t.name} was founded in {t.founded}.", f"{t.name} is known for its {t.known_for}."]
    if t.people:
        facts.append(" and ".join(p.name for p in t.people[:3]) + f" {'live' if len(t.people) > 1 else 'lives'} there.")
    facts[1:] = draw.sample(facts[1:], len(facts) - 1)
    return " ".join(facts[:draw.randrange(2, 6)])


def towns(draw):
    t = draw.choice(WORLD.towns)
    text = town_facts(draw, t)
    return Chat([(draw.choice([f"Tell me about {t.name}.", f"What is {t.name}?"]), text)]) if draw.random() < 0.3 \
        else text + "\n"


def person_pair(draw, p):
    other = draw.choice(WORLD.people)
    return draw.choice([
        (draw.choice([f"Where does {p.name} live?", f"In which town does {p.name} live?"]),
         f"{p.name} lives in {p.town.name}."),
        (f"How old is {p.name}?", f"{p.name} is {p.age} years old."),
        (draw.choice([f"What is {p.name}'s job?", f"What does {p.name} do?"]), f"{p.name} {p.work()}."),
        (draw.choice([f"What is the name of {p.name}'s {p.animal}?", f"What is {p.name}'s {p.animal} called?"]),
         f"{p.name}'s {p.animal} is called {p.pet}."),
        (f"What animal does {p.name} have?", f"{p.name} has {a(p.colour)} {p.animal} called {p.pet}."),
        (f"What colour is {p.name}'s {p.animal}?", f"{p.name}'s {p.animal} is {p.colour}."),
        (f"What does {p.name} like to eat?", f"{p.name} likes {p.food}."),
        (f"Who is {p.name}'s best friend?", f"{p.name}'s best friend is {p.friend.name}."),
        (f"When is {p.name}'s birthday?", f"{p.name}'s birthday is on {p.birthday}."),
        (f"Where does {p.name}'s best friend live?",
         f"{p.name}'s best friend is {p.friend.name}, who lives in {p.friend.town.name}."),
        (f"On which river does {p.name} live?",
         f"{p.name} lives in {p.town.name}, which lies on the river {p.town.river}."),
        (f"Does {p.name} live in {other.town.name}?",
         f"Yes, {p.name} lives in {p.town.name}." if other.town is p.town else f"No, {p.name} lives in {p.town.name}."),
        (f"Who is older, {p.name} or {other.name}?",
         f"{p.name} is {p.age} and {other.name} is {other.age}, so " +
         ("they are of the same age." if p.age == other.age else
          f"{(p if p.age > other.age else other).name} is older.")),
    ])


def town_pair(draw, t):
    return draw.choice([
        (draw.choice([f"On which river lies {t.name}?", f"Which river flows through {t.name}?"]),
         f"{t.name} lies on the river {t.river}."),
        (f"How many people live in {t.name}?", f"{t.size} people live in {t.name}."),
        (f"When was {t.name} founded?", f"{t.name} was founded in {t.founded}."),
        (f"What is {t.name} known for?", f"{t.name} is known for its {t.known_for}."),
        (f"Who lives in {t.name}?", (" and ".join(p.name for p in t.people[:3]) or "Nobody that I know") +
         f" {'live' if len(t.people) > 1 else 'lives'} in {t.name}."),
    ])


def questions(draw):
    p, t = draw.choice(WORLD.people), draw.choice(WORLD.towns)
    one = (lambda d: person_pair(d, p)) if draw.random() < 0.7 else (lambda d: town_pair(d, t))
    chat = talk(draw, one, 0.5)
    chat.system = "Answer in one sentence." if draw.random() < 0.2 else None
    return chat


# ---------------------------------------------------------------------------------- stories --


def found_thing(draw, p, q):
    thing, colour, n = draw.choice(list(PRICES)), draw.choice(COLOURS), draw.randrange(2, 10)
    return [
        draw.choice([f"On the way {p.they} found {a(colour)} {thing}.", f"Near the bridge lay {a(colour)} {thing}.",
                     f"Behind the house stood {a(colour)} {thing} that nobody had seen before."]),
        draw.choice([f"\"Whose {thing} is this?\" asked {p.name}.", f"\"Who lost this {thing}?\" said {p.name}."]),
        f"{p.they.capitalize()} asked {NUMBERS[n]} people, but nobody knew.",
        f"Then {q.name} came by. \"That is my {thing}!\" {q.they} said.",
        draw.choice([f"{p.name} gave it back, and {q.name} was very happy.",
                     f"They carried the {colour} {thing} home together."]),
    ], [("What did {p} find?", f"{p.name} found {a(colour)} {thing}."),
        ("Whose {x} was it?".replace("{x}", thing), f"It was {q.name}'s {thing}."),
        ("How many people did {p} ask?", f"{p.name} asked {NUMBERS[n]} people.")]


def lost_animal(draw, p, q):
    place = draw.choice(["under the bridge", "behind the mill", "in the garden", "at the market", "on the roof"])
    hour = draw.randrange(2, 7)
    return [
        f"{p.their.capitalize()} {p.animal} {p.pet} was gone.",
        draw.choice([f"{p.name} called {p.pet} again and again.", f"\"{p.pet}, where are you?\" called {p.name}."]),
        f"{q.name} came and helped {p.them} to look.",
        f"They looked for {NUMBERS[hour]} hours.",
        f"At last they found {p.pet} {place}.",
        draw.choice([f"{p.pet} was hungry and ate all the {p.food}.", f"{p.name} was so glad that {p.they} laughed."]),
    ], [("Who was gone?", f"{p.name}'s {p.animal} {p.pet} was gone."),
        ("Who helped {p}?", f"{q.name} helped {p.name}."),
        ("Where was the {x}?".replace("{x}", p.animal), f"{p.pet} was {place}."),
        ("How long did they look?", f"They looked for {NUMBERS[hour]} hours.")]


def market_day(draw, p, q):
    thing = draw.choice(list(PRICES))
    ware = JOBS[p.job][0] if p.job != "pupil" else "cards"
    return [
        f"{p.name} took {p.their} {ware} to the market in {q.town.name}.",
        f"There {p.they} met {q.name}, who {q.work()}.",
        f"\"I like your {ware},\" said {q.name}. \"What do you want for them?\"",
        f"{p.name} wanted {a(thing)}, which costs {PRICES[thing]} crowns.",
        draw.choice([f"So they traded, and both were content.", f"{q.name} thought for a while and said yes."]),
    ], [("Where was the market?", f"The market was in {q.town.name}."),
        ("Whom did {p} meet?", f"{p.name} met {q.name}."),
        ("What did {p} want?", f"{p.name} wanted {a(thing)}.")]


def visit(draw, p, q):
    gift, way = draw.choice(GOODS), draw.choice(["on foot", "by boat", "on a horse", "with a cart"])
    n, weather = draw.randrange(3, 13), draw.choice(WEATHER)
    return [
        f"{p.name} wanted to visit {p.their} friend {q.name} in {q.town.name}.",
        f"{p.they.capitalize()} packed {NUMBERS[n]} {gift} and went {way}.",
        f"It was {weather} when {p.they} came to the river {q.town.river}.",
        f"{q.name} was standing at the door. \"{p.name}! Come in!\"",
        f"They ate {q.food} and talked until it was dark.",
    ], [("Whom did {p} visit?", f"{p.name} visited {q.name}."),
        ("How did {p} travel?", f"{p.name} went {way}."),
        ("What did {p} pack?", f"{p.name} packed {NUMBERS[n]} {gift}."),
        ("What did they eat?", f"They ate {q.food}.")]


def tell(draw):
    """A story and what can be asked about it."""
    p = draw.choice(WORLD.people)
    q = p.friend if draw.random() < 0.4 else draw.choice([other for other in WORLD.people if other is not p])
    day, weather = draw.choice(DAYS), draw.choice(WEATHER)
    middle, asked = draw.choice([found_thing, lost_animal, market_day, visit])(draw, p, q)
    lines = [
        draw.choice([f"It was a {weather} {day} in {p.town.name}.", f"One {weather} {day} {p.name} got up early.",
                     f"This is a story about {p.name}, who lives in {p.town.name}."]),
        draw.choice([f"{p.name} ate {p.food} and looked out of the window.", f"{p.name} went down to the river "
                     f"{p.town.river}.", f"{p.name} {p.work()}, but on {day} {p.they} did not work."]),
        *middle,
        draw.choice([f"In the evening they ate {q.food} and laughed.", f"Since that {day} they have been friends.",
                     f"{p.pet} the {p.animal} fell asleep under the table.", "It was a good day."]),
    ]
    drop = draw.choice([1, len(lines) - 1]) if draw.random() < 0.3 else -1
    text = " ".join(line for i, line in enumerate(lines) if i != drop)
    return p, q, text, [(question.replace("{p}", p.name), answer) for question, answer in asked]


def stories(draw):
    p, q, text, _ = tell(draw)
    if draw.random() < 0.2:
        return Chat([(draw.choice([f"Tell me a story about {p.name} and {q.name}.",
                                   f"Tell me a story about {p.name}."]), text)])
    return text + "\n"


# ------------------------------------------------------------------- looking things up in text --


def read_list(draw):
    names = [made_up(draw) for _ in range(draw.randrange(2, 6))]
    values = [any_number(draw) if draw.random() < 0.5 else draw.choice(COLOURS) + " " + draw.choice(list(PRICES))
              for _ in names]
    text = " ".join(f"{name} has {value if isinstance(value, str) else f'number {value}'}."
                    .replace("has ", "has the " if isinstance(value, str) else "has ")
                    for name, value in zip(names, values))
    turns = []
    for i in draw.sample(range(len(names)), draw.randrange(1, min(3, len(names)) + 1)):
        value = values[i]
        turns.append(draw.choice([
            (f"What has {names[i]}?", f"{names[i]} has {'the ' if isinstance(value, str) else 'number '}{value}."),
            (f"Who has {'the ' if isinstance(value, str) else 'number '}{value}?", f"{names[i]}."),
        ]))
    turns[0] = (f"{text} {turns[0][0]}", turns[0][1])
    return Chat(turns)


def read_story(draw):
    _, _, text, asked = tell(draw)
    turns = draw.sample(asked, draw.randrange(1, len(asked) + 1))
    turns[0] = (f"{text}\n{turns[0][0]}", turns[0][1])
    return Chat(turns)


def read_words(draw):
    items = [draw.choice([made_up(draw), str(any_number(draw)), draw.choice(COLOURS), draw.choice(GOODS),
                          draw.choice(NAMES)]) for _ in range(draw.randrange(2, 7))]
    text = ", ".join(items)
    one = draw.randrange(len(items))
    order = ["first", "second", "third", "fourth", "fifth", "sixth"][one]
    return Chat([draw.choice([
        (f"Say this again: {text}", text), (f"Which is the {order} of these: {text}?", items[one]),
        (f"Which is the last of these: {text}?", items[-1]), (f"Write one to a line: {text}", "\n".join(items)),
    ])])


def reading(draw):
    return draw.choices([read_list, read_story, read_words], [4, 4, 2])[0](draw)


def shop_pair(draw):
    thing, n = draw.choice(list(PRICES)), draw.randrange(2, 6)
    return draw.choice([
        (f"What does {a(thing)} cost?", f"{a(thing).capitalize()} costs {PRICES[thing]} crowns."),
        (f"How much are {n} {thing}s?", f"{n} times {PRICES[thing]} is {n * PRICES[thing]} crowns."),
    ])


def shop(draw):
    if draw.random() < 0.5:
        return talk(draw, shop_pair)
    p, things = draw.choice(WORLD.people), draw.sample(list(PRICES), 2)
    total = sum(PRICES[thing] for thing in things)
    return (f"{p.name} buys {a(things[0])} and {a(things[1])}. " +
            " ".join(f"{a(thing).capitalize()} costs {PRICES[thing]} crowns." for thing in things) +
            f" Together {PRICES[things[0]]} + {PRICES[things[1]]} = {total} crowns.\n")


# ------------------------------------------------------------------------------ records, words --


def record_of(draw):
    """A record, what one asks to get it, and its name."""
    p, t = draw.choice(WORLD.people), draw.choice(WORLD.towns)
    if draw.random() < 0.3:
        return {"town": t.name, "river": t.river, "people": t.size, "founded": t.founded}, t.name
    record = {"name": p.name, "age": p.age, "town": p.town.name, "job": p.job}
    if draw.random() < 0.5:
        record["animal"] = {"kind": p.animal, "name": p.pet, "colour": p.colour}
    if draw.random() < 0.3:
        record["likes"] = [p.food]
    return record, p.name


def known_record(draw):
    record, name = record_of(draw)
    return Chat([(f"Write the record of {name}" +
                  (" with the animal." if "animal" in record else "."), json.dumps(record))], "Answer with JSON.") \
        if draw.random() < 0.5 else f"Record: {json.dumps(record)}\n"


def written_record(draw):
    name, age, job, town = made_up(draw), draw.randrange(8, 80), draw.choice(list(JOBS)), made_up(draw)
    number = any_number(draw)
    text = draw.choice([
        f"{name} is {a(job)} from {town} and {age} years old. The number is {number}.",
        f"Number {number} is {name}, {age}, {a(job)}, living in {town}.",
        f"I am {name}, I am {age} years old and work as {a(job)} in {town}. My number is {number}."])
    record = {"name": name, "age": age, "job": job, "town": town, "number": number}
    keys = draw.sample(list(record), draw.randrange(2, 6))
    part = {key: record[key] for key in keys}
    if draw.random() < 0.6:
        return Chat([(f"Write a record with {', '.join(keys)}: {text}", json.dumps(part))], "Answer with JSON.")
    key = draw.choice(keys)
    return Chat([(f"{json.dumps(part)}\nWhat is the {key}?", f"The {key} is {part[key]}.")])


def records(draw):
    return known_record(draw) if draw.random() < 0.4 else written_record(draw)


def word_pair(draw):
    colour, animal, food = draw.choice(COLOURS), draw.choice(list(ANIMALS)), draw.choice(FOODS)
    x, y = draw.choice(OPPOSITES)
    job = draw.choice(list(JOBS))
    letter = draw.randrange(25)
    return draw.choice([
        draw.choice(COMMON), draw.choice(COMMON),
        draw.choice([(f"What is the opposite of {x}?", f"The opposite of {x} is {y}."),
                     (f"What is the opposite of {y}?", f"The opposite of {y} is {x}.")]),
        (f"What does a {animal} do?", f"A {animal} {ANIMALS[animal]}."),
        (f"What does a {job} do?", f"A {job} {JOBS[job][1]} {JOBS[job][0]}."),
        draw.choice([(f"Is {colour} a colour?", f"Yes, {colour} is a colour."),
                     (f"Is a {animal} a colour?", f"No, a {animal} is an animal.")]),
        (f"Can one eat {food}?", f"Yes, one can eat {food}."),
        (f"Which letter comes after {chr(65 + letter)}?", f"{chr(66 + letter)} comes after {chr(65 + letter)}."),
    ])


def words(draw):
    return talk(draw, word_pair, 0.4)


# ------------------------------------------------------------------------ the second stage's own --


def small_sum_pair(draw):
    x, y, few = draw.randrange(1, 11), draw.randrange(1, 21), draw.randrange(1, 11)
    return draw.choice([
        (f"What is {x} plus {y}?", f"{x} plus {y} is {x + y}."), (f"{y} + {x} = ?", f"{y} + {x} = {x + y}"),
        (f"What is {x + y} minus {x}?", f"{x + y} minus {x} is {y}."), (f"{x + y} - {y} = ?", f"{x + y} - {y} = {x}"),
        (f"What is {x} times {few}?", f"{x} times {few} is {x * few}."),
    ])


def small_sums(draw):
    if draw.random() < 0.6:
        return talk(draw, small_sum_pair, 0.7)
    lines = [f"{x} + {y} = {x + y}" if plus else f"{x + y} - {x} = {y}"
             for x, y, plus in ((draw.randrange(1, 11), draw.randrange(1, 21), draw.random() < 0.5) for _ in range(12))]
    return "\n".join(lines) + "\n"


BEGINNINGS = "b c d f g h j k l m n p r s t v w y z ch sh th st tr bl cr qu ph sp kn".split()
MIDDLES = "a e i o u y ai ea ee oo ou".split()
FINALS = ["", "", *"b ck d g l ll m n ng nt p r rm s ss st t th x".split()]
LITTLE = ("the a my your this that it they we I you is are was were has have had do does did not no any more and but or if of to "
          "in on at by for with from after before again too still never very much").split()


def odd_word(draw):
    return "".join(draw.choice(BEGINNINGS) + draw.choice(MIDDLES) + draw.choice(FINALS) for _ in range(draw.randrange(1, 4)))


def odd_sentence(draw):
    words = [draw.choice(LITTLE) if draw.random() < 0.5 else odd_word(draw) for _ in range(draw.randrange(4, 13))]
    return " ".join(words).capitalize() + draw.choice("..?!")


def odd_text(draw):
    """Words that nobody knows: who has read some is less sure of himself where he knows nothing."""
    text = " ".join(odd_sentence(draw) for _ in range(draw.randrange(1, 4)))
    if draw.random() < 0.4:
        return text + "\n"
    record = {odd_word(draw): draw.choice([odd_word(draw), odd_word(draw).capitalize(), f"{odd_word(draw)} {odd_word(draw)}",
                                          draw.randrange(1000)]) for _ in range(draw.randrange(2, 6))}
    return Chat([(text, json.dumps(record))], odd_sentence(draw) if draw.random() < 0.7 else "Answer with JSON.")


# Each kind's weight in the first and in the second stage.
KINDS = {"sums": (sums, 5, 2), "problems": (problems, 2, 2), "counting": (counting, 2, 2), "dates": (dates, 3, 4),
         "units": (units, 2, 3), "people": (people, 3, 1), "towns": (towns, 1, 1), "questions": (questions, 6, 5),
         "stories": (stories, 4, 3), "reading": (reading, 6, 3), "shop": (shop, 2, 2), "records": (records, 4, 3),
         "words": (words, 2, 3), "small_sums": (small_sums, 0, 8), "odd_text": (odd_text, 0, 8)}


def any_row(draw, stage):
    """A row of some kind; one in twelve is long: a conversation about this and that, or a page of text."""
    names, weights = list(KINDS), [kind[stage] for kind in KINDS.values()]
    rows = [KINDS[name][0](draw) for name in draw.choices(names, weights, k=1 if draw.random() < 11 / 12 else 12)]
    chats = [row for row in rows if isinstance(row, Chat)]
    if len(rows) == 1:
        return rows[0]
    if len(chats) > 2 and draw.random() < 0.7:
        return Chat([turn for chat in chats[:draw.randrange(3, 8)] for turn in chat.turns])
    return "\n".join(row for row in rows if not isinstance(row, Chat)) or rows[0]


def write_text(args):
    draw, n = random.Random(args.seed + args.stage - 1), 0
    while n < args.bytes:
        row = any_row(draw, args.stage)
        text = row.text() if isinstance(row, Chat) else row
        n += len(text)
        sys.stdout.write(json.dumps({"text": text}) + "\n")


def write_slice(args):
    """One form throughout: a kind of which a part is plain text has either all of it or none."""
    draw = random.Random(f"slice {args.kind} {args.seed}")
    is_plain, n = args.kind in ("people", "towns", "stories"), 0
    while n < args.rows:
        row = KINDS[args.kind][0](draw)
        if isinstance(row, Chat) == is_plain:
            continue
        n += 1
        sys.stdout.write(json.dumps({"text": row} if is_plain else {"messages": row.messages()}) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["text", "slice", "slices"])
    parser.add_argument("kind", nargs="?", choices=list(KINDS))
    parser.add_argument("--bytes", type=int, default=12_000_000)
    parser.add_argument("--stage", type=int, choices=[1, 2], default=1)
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    if args.what == "slices":
        print("\n".join(KINDS))
    elif args.what == "text":
        write_text(args)
    elif args.kind:
        write_slice(args)
    else:
        parser.error("slice: of which kind?")


if __name__ == "__main__":
    main()
