"""The window's texts: found in the code, compared with the catalogues of ``desktop/ui/locale``.

extract.py    every text that is translated       untranslatable.py  texts that should be, and are not
catalogue.py  writes the catalogues               pseudo.py          a language of longer words, for tests
__main__.py   ``python3 -m tests.words``: brings the catalogues up to date, and says what is missing
untranslated.txt  modules of the window that have texts in English only, still
"""

from pathlib import Path

UNTRANSLATED = Path(__file__).with_name("untranslated.txt")
