"""The byte pair encoding of CLIP (Radford et al., arXiv:2103.00020, section 2.4; Sennrich et al., arXiv:1508.07909)."""

import gzip
import hashlib
import html
import importlib.util
import os
import re
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from mmengine.checkpoint.download import download_once
from mmengine.utils.errors import DataError, MissingDependencyError

VOCABULARY_NAME = 'bpe_simple_vocab_16e6.txt.gz'
VOCABULARY_URL = f'https://github.com/openai/CLIP/raw/main/clip/{VOCABULARY_NAME}'
VOCABULARY_SHA256 = '924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a'
ENV_VOCABULARY = 'MMSEG_CLIP_VOCABULARY'

_START, _END = '<|startoftext|>', '<|endoftext|>'
_NUM_MERGES = 49152 - 256 - 2  # the file has more lines, which CLIP does not use
_WORD_END = '</w>'
# Words, single digits, and runs of anything else. Letters are what counts as a word but is no digit or underscore.
_PIECES = re.compile(
    rf"{re.escape(_START)}|{re.escape(_END)}|'s|'t|'re|'ve|'m|'ll|'d|[^\W\d_]+|\d|(?:[^\s\w]|_)+", re.IGNORECASE
)


def vocabulary_file() -> Path:
    """The vocabulary of CLIP: `$MMSEG_CLIP_VOCABULARY`, else beside this module, in an installed package that has it
    (`open_clip`, `clip`), or downloaded to torch hub's folder.

    Raises:
        MissingDependencyError: it is nowhere to be had.
    """
    given = os.environ.get(ENV_VOCABULARY)
    if given:
        if not Path(given).is_file():
            raise MissingDependencyError(f'${ENV_VOCABULARY} names {given}, which is no file.')
        return Path(given)
    cached = Path(torch.hub.get_dir()) / 'checkpoints' / VOCABULARY_NAME
    for path in (Path(__file__).with_name(VOCABULARY_NAME), *_in_packages(), cached):
        if path.is_file():
            return path
    try:
        download_once(VOCABULARY_URL, str(cached), False)
    except (OSError, RuntimeError) as e:
        raise MissingDependencyError(
            f'Text needs the vocabulary of CLIP, {VOCABULARY_NAME}, which is not here and could not be downloaded from '
            f'{VOCABULARY_URL}. Get it from the repository openai/CLIP (folder clip) and put it to {cached}, or name '
            f'it by ${ENV_VOCABULARY}; or install a package that has it: pip install open_clip_torch'
        ) from e
    return cached


def _in_packages() -> list[Path]:
    specs = [importlib.util.find_spec(name) for name in ('open_clip', 'clip')]
    return [Path(spec.origin).with_name(VOCABULARY_NAME) for spec in specs if spec is not None and spec.origin]


def _byte_symbols() -> list[str]:
    """A printable character for each byte: itself if it is one, else one from 256 on."""
    printable = [*range(ord('!'), ord('~') + 1), *range(ord('¡'), ord('¬') + 1), *range(ord('®'), ord('ÿ') + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    symbols = {byte: chr(byte) for byte in printable}
    symbols.update({byte: chr(256 + index) for index, byte in enumerate(others)})
    return [symbols[byte] for byte in range(256)]


def _tokens_of_bytes() -> list[str]:
    """The symbols of bytes in the order of their tokens: those that are printable first."""
    return sorted(_byte_symbols(), key=ord)


class SimpleTokenizer:
    """Text to tokens and back.

    Args:
        bpe_path: a vocabulary file in the format of CLIP; `vocabulary_file()` by default.
    """

    def __init__(self, bpe_path: str | Path | None = None) -> None:
        path = vocabulary_file() if bpe_path is None else Path(bpe_path)
        data = path.read_bytes()
        if bpe_path is None and hashlib.sha256(data).hexdigest() != VOCABULARY_SHA256:
            raise DataError(f'{path} is not the vocabulary of CLIP: its sha256 is not {VOCABULARY_SHA256}. Replace it.')
        lines = gzip.decompress(data).decode('utf-8').split('\n')[1 : _NUM_MERGES + 1]
        merges = [(pair[0], pair[1]) for pair in (line.split() for line in lines) if len(pair) == 2]
        symbols = _tokens_of_bytes()
        vocabulary = [*symbols, *(symbol + _WORD_END for symbol in symbols)]
        vocabulary += [first + second for first, second in merges]
        vocabulary += [_START, _END]
        self.vocab_size = len(vocabulary)
        self.byte_symbols = _byte_symbols()
        self.encoder = {token: index for index, token in enumerate(vocabulary)}
        self.decoder = vocabulary
        self.ranks = {pair: rank for rank, pair in enumerate(merges)}
        self._known: dict[str, list[int]] = {name: [self.encoder[name]] for name in (_START, _END)}

    def _merge(self, piece: str) -> list[int]:
        """The tokens of one piece: the pair that was learned first is merged first."""
        if piece in self._known:
            return self._known[piece]
        word = [self.byte_symbols[byte] for byte in piece.encode('utf-8')]
        word[-1] += _WORD_END
        while len(word) > 1:
            pairs = set(zip(word[:-1], word[1:], strict=True))
            best = min(pairs, key=lambda pair: self.ranks.get(pair, len(self.ranks)))
            if best not in self.ranks:
                break
            merged: list[str] = []
            for symbol in word:
                if merged and (merged[-1], symbol) == best:
                    merged[-1] += symbol
                else:
                    merged.append(symbol)
            word = merged
        self._known[piece] = [self.encoder[symbol] for symbol in word]
        return self._known[piece]

    def encode(self, text: str) -> list[int]:
        """Tokens of a text, in lower case, without those of start and end. Broken encodings are not repaired."""
        text = ' '.join(html.unescape(html.unescape(text)).split()).lower()
        return [token for piece in _PIECES.findall(text) for token in self._merge(piece)]

    def decode(self, tokens: list[int]) -> str:
        """The text of tokens, with a space behind each word."""
        values = {symbol: byte for byte, symbol in enumerate(self.byte_symbols)}
        text = ''.join(self.decoder[token] for token in tokens).replace(_WORD_END, ' ')
        return bytearray(values.get(symbol, ord(' ')) for symbol in text).decode('utf-8', errors='replace')

    def __call__(self, texts: str | list[str], context_length: int = 77) -> Tensor:
        """As `tokenize`."""
        if isinstance(texts, str):
            texts = [texts]
        start, end = self.encoder[_START], self.encoder[_END]
        result = torch.zeros(len(texts), context_length, dtype=torch.long)
        for row, text in zip(result, texts, strict=True):
            tokens = [start, *self.encode(text), end]
            if len(tokens) > context_length:
                tokens = [*tokens[: context_length - 1], end]
            row[: len(tokens)] = torch.tensor(tokens)
        return result


@cache
def default_tokenizer() -> SimpleTokenizer:
    """The tokenizer of CLIP, loaded once."""
    return SimpleTokenizer()


def tokenize(texts: str | list[str], context_length: int = 77) -> Tensor:
    """Texts to tokens `(N, context_length)` int64, with start and end, zeros behind; longer ones are cut."""
    return default_tokenizer()(texts, context_length)
