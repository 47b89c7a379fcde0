"""Compares pace's chat templates with transformers', byte for byte, on every template of the test data.

Each template is rendered on more than thirty conversations by transformers' own render_jinja_template
and by pace: the texts must be equal, or both must raise; what raise_exception raised must be the same
sentence. Then the assistant's masks are compared: with return_assistant_tokens_mask for templates with
{% generation %}, with checks of their own for the others. Last, a few runs of the program itself.

    PACE_DATA=… PACE_BUILD=build python chat_check.py
"""
import copy, glob, json, os, subprocess, sys, tempfile, warnings
from datetime import datetime

warnings.filterwarnings("ignore")
import jinja2
from transformers.utils import chat_template_utils as utils

BUILD = os.environ.get("PACE_BUILD", "build")
BATCH = os.environ.get("PACE_CHAT_BATCH", os.path.join(BUILD, "test/golden/chat_batch"))
PACE = os.environ.get("PACE", os.path.join(BUILD, "pace"))
DATA = os.environ["PACE_DATA"]
VERBOSE = "-v" in sys.argv


class FixedClock(datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2024, 7, 4, 13, 5, 9)


# --- Conversations -------------------------------------------------------------------------------

def S(text): return {"role": "system", "content": text}
def U(text): return {"role": "user", "content": text}
def A(text, **more): return {"role": "assistant", "content": text, **more}
def T(text, **more): return {"role": "tool", "content": text, **more}
def call(name, arguments, id="call_abc12", typed=True):
    function = {"name": name, "arguments": arguments}
    return {"id": id, "type": "function", "function": function} if typed else {"name": name, "arguments": arguments}

WEATHER = {"type": "function", "function": {"name": "get_weather", "description": "Current weather in a <city> & more",
           "parameters": {"type": "object", "properties": {
               "city": {"type": "string", "description": "The city's name"},
               "unit": {"type": "string", "enum": ["c", "f"], "default": "c"},
               "days": {"type": "array", "items": {"type": "integer"}},
               "opts": {"type": "object", "properties": {"deep": {"type": ["string", "null"], "nullable": True}}}}, "required": ["city"]}}}
SEARCH = {"type": "function", "function": {"name": "search", "description": "Süche", "parameters": {"type": "object", "properties": {}}}}
TOOLS = [WEATHER, SEARCH]

CONVERSATIONS = {
    "user": [U("Hello")],
    "system": [S("Be brief."), U("Hello")],
    "turn": [U("Hello"), A("Hi there!")],
    "system turn": [S("Be brief."), U("Hello"), A("Hi there!")],
    "three turns": [U("1"), A("one"), U("2"), A("two"), U("3"), A("three")],
    "multi": [S("Sys"), U("1"), A("one"), U("2"), A("two"), U("3")],
    "empty user": [U(""), A("x")],
    "empty answer": [U("x"), A("")],
    "empty system": [S(""), U("x")],
    "unicode": [S("Système 系统"), U("Grüße 👩‍👩‍👧 नमस्ते ‮x\u200b"), A("안녕 😀 Ünïcödé\u2028line")],
    "white space": [S("  sys \n"), U("  lead and trail \n\n"), A("\n answer \n")],
    "newlines": [U("a\nb\r\nc\td"), A("x\n\ny\n")],
    "quotes": [U("it's \"quoted\" \\ back {{ x }} {% if %} </s> <|im_end|> [INST]"), A("'a' \"b\"")],
    "html": [U("<b>&amp;</b>"), A("<i>")],
    "long": [U("word " * 500), A("reply " * 300)],
    "thinking": [U("q"), A("<think>\nhmm\n</think>\n\nanswer")],
    "thinking twice": [U("q"), A("<think>a</think>b"), U("q2"), A("<think>\nc\n</think>\n\nd")],
    "reasoning": [U("q"), A("answer", reasoning_content="because")],
    "reasoning twice": [U("q"), A("a1", reasoning_content="r1"), U("q2"), A("a2", reasoning_content="r2"), U("q3")],
    "thinking member": [U("q"), A("answer", thinking="think so")],
    "reasoning member": [U("q"), A("answer", reasoning="think so")],
    "no think": [U("q /no_think"), A("a")],
    "developer": [{"role": "developer", "content": "dev"}, U("q"), A("a")],
    "user user": [U("a"), U("b")],
    "assistant first": [A("hi"), U("b")],
    "assistant twice": [U("a"), A("b"), A("c")],
    "system last": [U("a"), S("b")],
    "system twice": [S("a"), S("b"), U("c")],
    "system in the middle": [U("a"), A("b"), S("c"), U("d")],
    "only system": [S("a")],
    "unknown role": [{"role": "narrator", "content": "x"}, U("y")],
    "ipython role": [U("y"), {"role": "ipython", "content": "42"}, A("z")],
    "no content": [U("x"), {"role": "assistant"}],
    "null content": [U("x"), A(None)],
    "no role": [{"content": "x"}],
    "number content": [U(5), A(2.5)],
    "named": [{"role": "user", "name": "Bob", "content": "x"}, A("y", name="Al")],
    "parts": [U([{"type": "text", "text": "part one"}, {"type": "text", "text": " part two"}]), A("ok")],
    "assistant parts": [U("q"), A([{"type": "text", "text": "in parts"}])],
    "system parts": [S([{"type": "text", "text": "sys"}]), U([{"type": "text", "text": "q"}])],
    "image": [U([{"type": "image"}, {"type": "text", "text": "what is it?"}]), A("a cat")],
    "image url": [U([{"type": "image_url", "image_url": {"url": "http://x/y.png"}}, {"type": "text", "text": "?"}])],
    "audio and video": [U([{"type": "audio"}, {"type": "video"}, {"type": "text", "text": "?"}])],
    "empty parts": [U([]), A("x")],
    "tool call": [U("weather?"), A("", tool_calls=[call("get_weather", {"city": "Köln", "days": [1, 2], "x": 1.5, "y": None, "z": True})]),
                  T('{"t": 21}', name="get_weather", tool_call_id="call_abc12"), A("21 degrees")],
    "tool call without content": [U("weather?"), {"role": "assistant", "tool_calls": [call("get_weather", {"city": "Rome"}, id="abcdefghi")]},
                                  T("sunny", tool_call_id="abcdefghi", name="get_weather"), A("It is sunny.")],
    "tool call null": [U("w"), A(None, tool_calls=[call("search", {})]), T("none"), A("ok")],
    "tool call text": [U("w"), A("Let me look.", tool_calls=[call("search", '{"q": "x"}')]), T("found", name="search")],
    "tool calls": [U("w"), A("", tool_calls=[call("get_weather", {"city": "A"}, id="aaaaaaaa1"), call("search", {"q": "<b>"}, id="aaaaaaaa2")]),
                   T("1", tool_call_id="aaaaaaaa1", name="get_weather"), T("2", tool_call_id="aaaaaaaa2", name="search"), A("done")],
    "bare tool call": [U("w"), A("", tool_calls=[call("search", {"q": 1}, typed=False)]), T("r")],
    "tool call and reasoning": [U("w"), A("", reasoning_content="I need it", tool_calls=[call("search", {"q": "x"})]), T("r"), A("fin", reasoning_content="now")],
    "empty tool calls": [U("w"), A("x", tool_calls=[])],
    "tool result dict": [U("w"), A("", tool_calls=[call("search", {})]), T({"k": [1, "é"]}), A("y")],
    "tool result parts": [U("w"), A("", tool_calls=[call("search", {})]), T([{"type": "text", "text": "r"}]), A("y")],
    "tool first": [T("x"), U("y")],
    "multi step": [U("w"), A("", tool_calls=[call("search", {"a": 1})]), T("r1"), A("", tool_calls=[call("search", {"a": 2})]), T("r2"), A("end"), U("more"), A("sure")],
}
# name: (conversation, tools, further variables)
CASES = {name: (messages, None, {}) for name, messages in CONVERSATIONS.items()}
for name in ("user", "system turn", "tool call", "tool call without content", "tool calls", "multi step", "tool call and reasoning", "three turns"):
    CASES[name + " +tools"] = (CONVERSATIONS[name], TOOLS, {})
CASES["one tool"] = (CONVERSATIONS["user"], [SEARCH], {})
CASES["no tools"] = (CONVERSATIONS["user"], [], {})
CASES["documents"] = (CONVERSATIONS["user"], None, {"documents": [{"title": "T", "text": "Some text"}, {"title": "é", "text": "b"}]})
CASES["no thinking"] = (CONVERSATIONS["three turns"], None, {"enable_thinking": False})
CASES["with thinking"] = (CONVERSATIONS["reasoning"], None, {"enable_thinking": True, "thinking": True})
CASES["effort"] = (CONVERSATIONS["system turn"], TOOLS, {"reasoning_effort": "high", "builtin_tools": ["browser", "python"]})
CASES["date"] = (CONVERSATIONS["system"], None, {"date_string": "01 Jan 2025", "custom_tools": None})

# Templates with {% generation %} besides those in the data.
OWN = {
    "own/chatml": "{% for m in messages %}{% if m.role == 'assistant' %}<|im_start|>assistant\n{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}\n{% else %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
    "own/whole": "{{ bos_token }}{% for m in messages -%}\n  {%- if m['role'] == 'assistant' %}{%- generation -%} {{ m['content'] | trim }}{{ eos_token }} {%- endgeneration -%}\n{%- else %}[{{ m['role'] }}] {{ m['content'] }}\n{% endif %}{% endfor %}",
    "own/inner loop": "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{% for c in m.content %}{{ c }}{% endfor %}{% set x = 'é' %}{{ x }}{% endgeneration %}{{ x }}{% else %}|{{ m.content }}|{% endif %}{% endfor %}",
}

# --- Templates -----------------------------------------------------------------------------------

TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}


def member(path, name="chat_template"):
    with open(path, encoding="utf-8") as f:
        return json.load(f).get(name)


def templates():
    for path in sorted(glob.glob(f"{DATA}/tokenizers/**/*.jinja", recursive=True) + glob.glob(f"{DATA}/models/**/*.jinja", recursive=True)):
        yield os.path.relpath(path, DATA), open(path, encoding="utf-8", newline="").read()
    for path in sorted(glob.glob(f"{DATA}/*/**/chat_template.json", recursive=True) + glob.glob(f"{DATA}/*/**/tokenizer_config.json", recursive=True)):
        found = member(path)
        if isinstance(found, list):
            for entry in found:
                yield f"{os.path.relpath(path, DATA)}:{entry['name']}", entry["template"]
        elif found:
            yield os.path.relpath(path, DATA), found
    yield from OWN.items()


# --- Both sides ----------------------------------------------------------------------------------

def reference(template, messages, tools, variables, prompt, mask=False):
    """apply_chat_template without a tokenizer."""
    if not messages:
        raise ValueError("empty")
    messages = [{k: v for k, v in m.items() if v is not None} for m in copy.deepcopy(messages)]
    texts, spans = utils.render_jinja_template([messages], tools=copy.deepcopy(tools), chat_template=template, add_generation_prompt=prompt,
                                               return_assistant_tokens_mask=mask, **{**TOKENS, **copy.deepcopy(variables)})
    return texts[0], spans[0] if mask else None


def expected(template, case, prompt, mask=False):
    try:
        text, spans = reference(template, *case, prompt, mask)
        return {"text": text, "spans": spans}
    except Exception as e:
        raised = type(e) is jinja2.exceptions.TemplateError
        return {"error": getattr(e, "message", None) or str(e), "raised": raised, "type": type(e).__name__}


def ask(requests):
    lines = "".join(json.dumps(r) + "\n" for r in requests)
    done = subprocess.run([BATCH], input=lines.encode(), stdout=subprocess.PIPE, check=True)
    answers = [json.loads(line) for line in done.stdout.decode().split("\n")[:-1]]
    assert len(answers) == len(requests)
    return answers


def request(template, case, prompt, mask=False):
    messages, tools, variables = case
    body = {**TOKENS, **variables, "messages": messages}
    if tools is not None:
        body["tools"] = tools
    return {"template": template, "request": body, "prompt": prompt, "mask": mask}


def shown(text):
    """As pace keeps an error's text: control characters are question marks, cut after 479 bytes."""
    return "".join("?" if ord(c) < 32 or ord(c) == 127 else c for c in text)[:300]


class Score:
    def __init__(self):
        self.passed = self.failed = self.refused = self.same = self.other = 0

    def check(self, ok, *what):
        self.passed += ok
        self.failed += not ok
        if not ok and (self.failed <= 40 or VERBOSE):
            print("FAILED:", *what)


def check_text(score):
    for name, template in templates():
        cases = [(case, CASES[case], prompt) for case in CASES for prompt in (False, True)]
        answers = ask([request(template, c, prompt) for _, c, prompt in cases])
        failed = score.failed
        for (case, c, prompt), mine in zip(cases, answers):
            wanted = expected(template, c, prompt)
            where = f"{name} | {case} | prompt {prompt}"
            if "text" in wanted:
                score.check(mine.get("text") == wanted["text"], where, "\n   wanted", repr(wanted["text"])[-300:], "\n   got   ", repr(mine)[-300:])
                continue
            score.check("error" in mine and (not wanted["raised"] or shown(mine["error"]) == shown(wanted["error"])), where, "\n   wanted", wanted, "\n   got   ", mine)
            if "error" in mine:
                same = shown(mine["error"]) == shown(wanted["error"].split("\n")[0])
                score.same += same
                score.other += not same
                if VERBOSE and not same:
                    print("message:", where, wanted, mine)
        if score.failed > failed:
            print(f"   {name}: {score.failed - failed} of {len(cases)} differ")


# --- What is trained on --------------------------------------------------------------------------

def check_masks(score):
    """Templates with {% generation %}: the same characters as transformers."""
    for name, template in templates():
        if "generation %}" not in template.replace("generation -%}", "generation %}"):
            continue
        if not any(tag in template for tag in ("{% generation", "{%- generation")):
            continue
        cases = [(case, CASES[case]) for case in CASES]
        answers = ask([request(template, c, False, True) for _, c in cases])
        for (case, c), mine in zip(cases, answers):
            wanted = expected(template, c, False, True)
            if "text" not in wanted or not wanted["spans"]:
                continue
            raw = wanted["text"].encode()
            spans = [[len(wanted["text"][:a].encode()), len(wanted["text"][:b].encode())] for a, b in wanted["spans"] if b > a]
            score.check(mine.get("text") == wanted["text"] and mine.get("spans") == spans, "mask", name, case, "\n   wanted", spans, "\n   got   ", mine.get("spans"), mine.get("error"))


def check_turns(score):
    """Templates without: each assistant's content is in its span, the others' is in none."""
    marked = lambda role, k: f"{role}{k}words"
    for name, template in templates():
        if "{% generation" in template or "{%- generation" in template:
            continue
        for n in (1, 2, 3):
            for system in (False, True):
                messages = [S("systemwords")] if system else []
                for k in range(n):
                    messages += [U(marked("user", k)), A(marked("answer", k))]
                case = (messages, None, {})
                wanted = expected(template, case, False)
                if "text" not in wanted:
                    continue
                text = wanted["text"]
                if not all(marked("answer", k) in text for k in range(n)):
                    continue
                mine, = ask([request(template, case, False, True)])
                if "text" not in mine:
                    score.check(False, "turns", name, n, mine)
                    continue
                raw = mine["text"].encode()
                parts = [raw[a:b].decode() for a, b in mine["spans"]]
                ok = len(parts) == n and all(marked("answer", k) in parts[k] for k in range(n) if k < len(parts))
                ok = ok and not any(w in p for p in parts for w in ("userw", "user0", "user1", "user2", "systemwords", "assistant<", "assistant\n"))
                score.check(ok, "turns", name, n, system, parts, "\n   in", repr(text)[:400])
                if "-p" in sys.argv and n == 2 and not system:
                    print(name, parts)


# --- The program itself --------------------------------------------------------------------------

def check_program(score):
    with tempfile.TemporaryDirectory() as folder:
        for index, (name, template) in enumerate(templates()):
            if index % 7:
                continue
            path = os.path.join(folder, "template.jinja")
            open(path, "w", encoding="utf-8", newline="").write(template)
            for case in ("multi", "unicode", "tool call +tools", "system twice"):
                c = CASES[case]
                messages, tools, variables = c
                body = {**TOKENS, "messages": messages, **({"tools": tools} if tools else {})}
                wanted = expected(template, c, True)
                command = [PACE, "tokenize", "--chat", "--text-only", "--template", path, "--add-generation-prompt", "--json"]
                done = subprocess.run(command, input=json.dumps(body).encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                if "strftime_now" in template:
                    continue
                if "text" in wanted:
                    ok = done.returncode == 0 and json.loads(done.stdout)["text"] == wanted["text"]
                else:
                    ok = done.returncode == 3 and (not wanted["raised"] or wanted["error"][:60].encode() in done.stderr)
                score.check(ok, "program", name, case, done)


def check_models(score):
    """Whole model folders against AutoTokenizer: text, ids, and the special tokens in the template."""
    from transformers import AutoTokenizer
    for folder in sorted(glob.glob(f"{DATA}/tokenizers/*/") + glob.glob(f"{DATA}/models/*/")):
        if not os.path.exists(folder + "tokenizer.json"):
            continue
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder)
            tokenizer.get_chat_template()
        except Exception:
            continue
        for case in ("turn", "multi", "unicode", "three turns", "newlines", "tool call +tools", "quotes"):
            messages, tools, _ = CASES[case]
            body = {"messages": messages, **({"tools": tools} if tools else {})}
            done = subprocess.run([PACE, "tokenize", "--chat", "--model", folder, "--json"], input=json.dumps(body).encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            try:
                wanted = tokenizer.apply_chat_template(messages, tools=tools, tokenize=False)
            except Exception:
                score.check(done.returncode == 3, "model", folder, case, done)
                continue
            # The raw tokenizer.json is the specification of the ids, not AutoTokenizer's changes to it.
            from tokenizers import Tokenizer
            raw = Tokenizer.from_file(folder + "tokenizer.json")
            raw.no_truncation()
            raw.no_padding()
            ids = raw.encode(wanted, add_special_tokens=False).ids
            mine = json.loads(done.stdout) if done.returncode == 0 else {}
            score.check(mine.get("text") == wanted and mine.get("ids") == ids and len(mine["mask"]) == len(ids), "model", folder, case, "\n   wanted", repr(wanted)[:300], "\n   got   ", repr(mine.get("text"))[:300], done.stderr[:300])


def main():
    utils.datetime = FixedClock
    score = Score()
    check_text(score)
    print(f"texts: {score.passed} passed, {score.failed} failed; errors in the same words {score.same}, in other words {score.other}")
    check_masks(score)
    check_turns(score)
    check_program(score)
    check_models(score)
    print(f"{score.passed} passed, {score.failed} failed")
    return score.failed > 0


if __name__ == "__main__":
    sys.exit(main())
