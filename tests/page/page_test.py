"""The page of `tekio serve`, and a run's report, in a real browser.

    page_test.py TEKIO MODEL [AXE]    TEKIO: the program; MODEL: a small model's folder; AXE: axe.min.js, the checker of accessibility

Without a browser all are skipped, without AXE those that need it.
"""

import json
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from browser import Browser, find
from program import MODEL, MORE, PROGRAM, make_run, run_suite, start_server

AXE = MORE[0] if MORE else ""
LOOKS = ((390, "light"), (390, "dark"), (820, "dark"), (1280, "light"))
TEXT = "document.getElementById('text')"
ANSWERS = "[...document.querySelectorAll('.answer')]"
# Answers to the text that stands there now, of all models.
FILLED = f"{ANSWERS}.length === 2 && document.getElementById('status').textContent.includes(', ')"


@unittest.skipUnless(find(), "there is no Chromium (scripts/setup.sh --ci brings it)")
class PageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.run_folder = make_run(cls, "adapted", "--max_steps", "20", "--learning_rate", "1e-2", "--eval_steps", "10", "--prompt", "a great [MASK].")
        cls.url = start_server(cls, "--model", cls.run_folder, "--run", cls.run_folder)
        cls.browser = Browser(find())
        cls.addClassCleanup(cls.browser.close)

    def open(self):
        self.browser.look(1280, "light")
        self.browser.open(self.url)
        self.browser.wait(FILLED)
        return self.browser

    def write(self, text):
        self.browser.evaluate(f"{TEXT}.focus(); {TEXT}.select()")
        self.browser.evaluate("document.getElementById('status').textContent = ''")
        self.browser.type(text)

    def test_typing_shows_words_with_bars_of_models_side_by_side(self):
        page = self.open()
        self.assertEqual(page.evaluate(f"{TEXT}.value"), "a great [MASK].", "the run's prompt is the example")
        self.write("the city and its [MASK].")
        page.wait(FILLED)
        self.assertEqual(page.evaluate(f"{ANSWERS}.map((a) => a.querySelector('h2').textContent)"), [pathlib.Path(MODEL).name, "adapted"])
        left, right = page.evaluate(f"{ANSWERS}.map((a) => a.getBoundingClientRect().x)")
        self.assertLess(left, right)
        for answer in page.evaluate(f"{ANSWERS}.map((a) => [...a.querySelectorAll('li')].map((l) => [l.querySelector('.word').textContent, l.querySelector('.bar span').getBoundingClientRect().width]))"):
            self.assertEqual(len(answer), 5)
            widths = [width for _, width in answer]
            self.assertEqual(widths, sorted(widths, reverse=True))
            self.assertGreater(widths[0], 0)
        self.assertFalse(page.evaluate("document.getElementById('difference').hidden"))

    def test_the_page_tells_that_models_are_being_opened(self):
        page = self.open()
        page.evaluate("window.asked = []; window.own = fetch; fetch = (...all) => new Promise((go) => window.asked.push(() => go(own(...all))))")
        page.evaluate("models = []; begin(); 0")
        page.wait("document.getElementById('status').textContent.includes('being opened')")
        page.click("document.querySelector('#form [type=submit]')")
        self.assertEqual(page.evaluate("window.asked.length"), 1, "it was asked again meanwhile")
        page.evaluate("fetch = own; document.getElementById('answers').replaceChildren(); window.asked[0](); 0")
        page.wait(FILLED)

    def test_a_click_puts_the_word_in(self):
        page = self.open()
        word = page.evaluate(f"{ANSWERS}[1].querySelector('.word').textContent")
        page.click(f"{ANSWERS}[1].querySelector('li button')")
        self.assertEqual(page.evaluate(f"{TEXT}.value"), f"a great {word}.")
        page.click("document.getElementById('insert')")
        self.assertIn("[MASK]", page.evaluate(f"{TEXT}.value"))

    def test_a_second_click_replaces_the_word(self):
        page = self.open()
        for answer, item in ((0, 0), (1, 3), (0, 2)):
            button = f"{ANSWERS}[{answer}].querySelectorAll('li button')[{item}]"
            word = page.evaluate(f"{button}.querySelector('.word').textContent")
            page.click(button)
            self.assertEqual(page.evaluate(f"{TEXT}.value"), f"a great {word}.")
            self.assertEqual(page.evaluate("document.getElementById('status').textContent"), f'"{word}" was put in.')

    def ask_for(self, words, text):
        page = self.open()
        page.evaluate(f"{TEXT}.value = {json.dumps(text)}; document.getElementById('targets').focus(); document.getElementById('status').textContent = ''")
        page.type(words)
        page.press("Enter")
        page.wait(FILLED)
        return page

    def test_a_piece_of_a_word_joins_it(self):
        page = self.ask_for("##ing", "the walk [MASK] and the rest")
        page.click(f"{ANSWERS}[0].querySelector('li button')")
        self.assertEqual(page.evaluate(f"{TEXT}.value"), "the walking and the rest")
        page = self.ask_for("##ing", "The [MASK] of walk [MASK]")
        page.click(f"{ANSWERS}[0].querySelectorAll('ol')[1].querySelector('button')")
        self.assertEqual(page.evaluate(f"{TEXT}.value"), "The [MASK] of walking")

    def test_what_no_mask_was_replaced_by_is_not_said_to_be_put_in(self):
        page = self.ask_for("great", "a [MASK] [MASK]")
        page.evaluate("models[0].mask_token = '<other>'")
        page.click(f"{ANSWERS}[0].querySelector('li button')")
        self.assertEqual(page.evaluate(f"{TEXT}.value"), "a [MASK] [MASK]")
        self.assertIn("was not put in", page.evaluate("document.getElementById('status').textContent"))

    def test_the_keyboard_alone_does_it(self):
        page = self.open()
        focused = "(document.activeElement.id || document.activeElement.className || document.activeElement.textContent)"
        seen = []
        for _ in range(20):
            page.press("Tab")
            seen.append(page.evaluate(focused))
            if seen[-1] == "text":
                break
        self.assertEqual(seen[-1], "text", seen)
        self.write("a [MASK] of the city")
        page.press("Enter", control=True)
        page.wait(FILLED)
        for _ in range(20):
            page.press("Tab")
            if page.evaluate("document.activeElement.closest('.answer') !== null"):
                break
        word = page.evaluate("document.activeElement.querySelector('.word').textContent")
        self.assertTrue(page.evaluate("document.activeElement.matches(':focus-visible') && getComputedStyle(document.activeElement).outlineStyle !== 'none'"))
        page.press("Enter")
        self.assertEqual(page.evaluate(f"{TEXT}.value"), f"a {word} of the city")
        self.assertEqual(page.evaluate("document.activeElement.id"), "text")

    def test_only_the_words_that_are_asked_for(self):
        page = self.open()
        page.evaluate("document.getElementById('targets').focus()")
        page.evaluate("document.getElementById('status').textContent = ''")
        page.type("the, of")
        page.press("Enter")
        page.wait(FILLED)
        for words in page.evaluate(f"{ANSWERS}.map((a) => [...a.querySelectorAll('.word')].map((w) => w.textContent))"):
            self.assertEqual(sorted(words), ["of", "the"])

    def test_what_is_refused_is_said(self):
        page = self.open()
        self.write("no mask here")
        page.press("Enter", control=True)
        page.wait("document.getElementById('status').classList.contains('bad')")
        self.assertIn("no [MASK] in", page.evaluate("document.getElementById('status').textContent"))

    def test_curves_grow_as_the_run_does(self):
        page = self.open()
        page.wait("document.getElementById('progress').textContent.startsWith('update 20 ')")
        page.wait("document.querySelectorAll('#curve circle').length === 2")
        self.assertIn("perplexity", page.evaluate("document.getElementById('evaluated').textContent"))
        with open(self.run_folder / "metrics.jsonl", "a", encoding="utf-8") as metrics:
            metrics.write('{"step":21,"epoch":9.5,"loss":1.25}\n')
        page.wait("document.getElementById('progress').textContent === 'update 21 · epoch 9.50 · loss 1.250'")
        page.wait("document.getElementById('curve').getAttribute('aria-label').includes('to 1.25 at update 21')")

    def look_everywhere(self, url, ready):
        page = self.browser
        for width, scheme in LOOKS:
            page.look(width, scheme)
            page.open(url)
            page.wait(ready)
            self.assertLessEqual(page.evaluate("document.documentElement.scrollWidth"), width, "it is wider than its window")
            page.evaluate(pathlib.Path(AXE).read_text(encoding="utf-8") + "; 0")
            kept, broken = page.evaluate("axe.run().then((r) => [r.passes.length, r.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.target.join(' ')).join(', '))])")
            self.assertEqual(broken, [], f"{width} wide, {scheme}")
            self.assertGreater(kept, 10)

    def test_a_phone_reads_the_curves(self):
        page = self.open()
        page.look(390, "light")
        page.wait("document.querySelectorAll('#curve text').length === 4")
        for height, left in page.evaluate("[...document.querySelectorAll('#curve text')].map((t) => { const r = t.getBoundingClientRect(); return [r.height, r.x]; })"):
            self.assertGreater(height, 10)
            self.assertGreaterEqual(left, 0)

    def open_report(self, width):
        self.browser.look(width, "light")
        self.browser.open((self.run_folder / "report.html").as_uri())
        return self.browser

    def test_a_phone_reads_the_reports_tables(self):
        page = self.open_report(390)
        rows = page.evaluate("[...document.querySelectorAll('[aria-label^=\"Words that\"] tbody tr')].map((r) => [r.textContent, r.getBoundingClientRect().height])")
        self.assertTrue(rows)
        for row, height in rows:
            self.assertLess(height, 62, f"more than two lines: {row}")
        self.assertLessEqual(page.evaluate("document.documentElement.scrollWidth"), 390)
        self.assertTrue(page.evaluate("[...document.querySelectorAll('.wide')].some((w) => w.scrollWidth > w.clientWidth)"), "no table scrolls")

    def assert_charts_are_read(self, report):
        """Every text of a chart lies within it, and on no other."""
        for width in (390, 500, 820, 1280):
            self.browser.look(width, "light")
            self.browser.open(report.as_uri())
            charts = self.browser.evaluate("[...document.querySelectorAll('svg')].map((s) => [s, ...[...s.querySelectorAll('text')].filter((t) => t.checkVisibility())]"
                                           ".map((e) => { const r = e.getBoundingClientRect(); return [e.textContent, r.left, r.right, r.top, r.bottom]; }))")
            self.assertTrue(charts)
            for (_, left, right, top, bottom), *texts in charts:
                self.assertTrue(texts)
                for i, (text, l, r, t, b) in enumerate(texts):
                    self.assertTrue(left <= l and r <= right and top <= t and b <= bottom, f"{text} is cut, {width} wide")
                    for other, l2, r2, t2, b2 in texts[:i]:
                        ink = 0.7  # of a line's height, which holds accents besides
                        apart = r <= l2 or r2 <= l or abs(t + b - t2 - b2) >= ink * (b - t + b2 - t2)
                        self.assertTrue(apart, f"{text} is printed on {other}, {width} wide")

    def test_charts_are_read_at_every_width(self):
        self.assert_charts_are_read(self.run_folder / "report.html")
        # A tenth of an epoch: the last tick stands at the chart's edge.
        short = ["--max_steps", "26", "--eval_steps", "13", "--per_device_train_batch_size", "1"]
        runs = [make_run(type(self), rate, *short, "--learning_rate", rate) for rate in ("5e-5", "1e-3")]
        compared = runs[0].parent / "compared.html"
        subprocess.run([PROGRAM, "report", *runs, "--output", compared, "--quiet"], check=True, stdout=subprocess.DEVNULL)
        self.assert_charts_are_read(compared)

    def test_paper_has_all_of_the_report(self):
        page = self.open_report(720)
        page.call("Emulation.setEmulatedMedia", media="print")
        self.addCleanup(page.call, "Emulation.setEmulatedMedia", media="")
        closed = page.evaluate("[...document.querySelectorAll('details')].map((d) => [d.open, d.getBoundingClientRect().height, d.lastElementChild.getBoundingClientRect().height])")
        self.assertTrue(closed)
        for is_open, height, content in closed:
            self.assertFalse(is_open)
            self.assertGreater(height, content, "what it holds is left out")
        for part in ("pre", ".wide"):
            self.assertEqual(page.evaluate(f"[...document.querySelectorAll('{part}')].filter((e) => e.scrollWidth > e.clientWidth).length"), 0, f"{part} is cut")

    @unittest.skipUnless(AXE, "there is no axe-core (scripts/setup.sh --ci brings it)")
    def test_the_page_is_accessible_at_every_width(self):
        self.look_everywhere(self.url, FILLED)

    @unittest.skipUnless(AXE, "there is no axe-core (scripts/setup.sh --ci brings it)")
    def test_the_report_is_accessible_at_every_width(self):
        self.look_everywhere((self.run_folder / "report.html").as_uri(), "true")


sys.exit(run_suite(unittest.TestLoader().loadTestsFromTestCase(PageTest), "page"))
