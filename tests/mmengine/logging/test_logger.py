import copy
import logging
import pickle
import re
from collections import OrderedDict

import pytest

from mmengine.logging import MMLogger, print_log
from mmengine.logging.logger import MMFormatter


@pytest.fixture(autouse=True)
def _fresh_instances(monkeypatch):
    monkeypatch.setattr(MMLogger, '_instance_dict', OrderedDict())
    yield
    for logger in MMLogger._instance_dict.values():
        for handler in logger.handlers:
            handler.close()


def test_lines_on_the_console_and_in_the_file(tmp_path, capsys) -> None:
    path = tmp_path / 'new' / 'run.log'
    logger = MMLogger.get_instance('run', log_file=str(path))
    logger.info('hello %d', 3)
    logger.debug('unseen')
    out = capsys.readouterr().out
    assert re.fullmatch(r'\d\d/\d\d \d\d:\d\d:\d\d - mmengine - INFO - hello 3\n', out)
    assert re.fullmatch(r'\d{4}/\d\d/\d\d \d\d:\d\d:\d\d - mmengine - INFO - hello 3\n', path.read_text())
    assert logger.log_file == str(path) and logger.instance_name == 'run' and logger.name == 'mmengine'


def test_errors_say_where_they_were_logged(capsys) -> None:
    logger = MMLogger.get_instance('run', logger_name='mine')
    logger.error('bad')
    print_log('worse', logger, logging.ERROR)
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError:
        logger.exception('worst')
    lines = capsys.readouterr().out
    here = re.escape(__file__) + r' - test_errors_say_where_they_were_logged - \d+ - '
    assert re.search(f'mine - ERROR - {here}bad', lines)
    assert re.search(f'mine - ERROR - {here}worse', lines)
    assert re.search(f'{here}worst\nTraceback', lines) and 'ZeroDivisionError' in lines


def test_levels_can_change(capsys, monkeypatch) -> None:
    logger = MMLogger.get_instance('run', log_level='WARNING')
    logger.info('1')
    logger.setLevel('DEBUG')
    logger.debug('2')
    logging.disable(logging.INFO)
    try:
        logger.info('3')
    finally:
        logging.disable(logging.NOTSET)
    logger.info('4')
    assert [line[-1] for line in capsys.readouterr().out.splitlines()] == ['2', '4']
    with pytest.raises(ValueError, match='LOUD'):
        MMLogger.get_instance('other', log_level='LOUD')


def test_a_warning_is_shown_once(tmp_path, capsys) -> None:
    path = tmp_path / 'run.log'
    logger = MMLogger.get_instance('run', log_file=str(path))
    for index in range(3):
        logger.warning('same')
        logger.warning('number %d', index // 2)
        logger.info('again')
    for text in (capsys.readouterr().out, path.read_text()):
        assert [text.count(part) for part in ('same', 'number 0', 'number 1', 'again')] == [1, 1, 1, 3]


def test_colour_only_on_terminals(monkeypatch, capsys) -> None:
    record = logging.LogRecord('mmengine', logging.WARNING, __file__, 1, 'text', None, None)
    assert '\x1b[33mWARNING\x1b[0m - text' in MMFormatter(color=True).format(record)
    assert '\x1b' not in MMFormatter(color=False).format(record)
    MMLogger.get_instance('plain').warning('text')
    assert '\x1b' not in capsys.readouterr().out
    monkeypatch.delenv('NO_COLOR', raising=False)
    monkeypatch.setattr('sys.stdout.isatty', lambda: True)
    MMLogger.get_instance('coloured').warning('text')
    assert '\x1b[33mWARNING\x1b[0m' in capsys.readouterr().out


def test_other_ranks_show_only_errors_and_write_no_file(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr('mmengine.logging.logger.get_rank', lambda: 1)
    logger = MMLogger.get_instance('run', log_file=str(tmp_path / 'run.log'))
    logger.info('info')
    logger.error('error')
    out = capsys.readouterr().out
    assert 'error' in out and 'info' not in out
    assert logger.log_file is None and not list(tmp_path.iterdir())


def test_other_file_handlers(tmp_path) -> None:
    logger = MMLogger.get_instance(
        'run', log_file=str(tmp_path / 'run.log'), file_handler_cfg={'type': 'RotatingFileHandler', 'maxBytes': 100}
    )
    assert isinstance(logger.handlers[1], logging.handlers.RotatingFileHandler)
    logger.info('x')
    assert (tmp_path / 'run.log').read_text().endswith('INFO - x\n')
    with pytest.raises(ValueError, match='NoSuchHandler'):
        MMLogger.get_instance('b', log_file=str(tmp_path / 'b'), file_handler_cfg={'type': 'NoSuchHandler'})


def test_append_mode(tmp_path) -> None:
    (tmp_path / 'run.log').write_text('before\n')
    MMLogger.get_instance('run', log_file=str(tmp_path / 'run.log'), file_mode='a').info('x')
    assert (tmp_path / 'run.log').read_text().startswith('before\n')


def test_print_log(capsys, caplog) -> None:
    print_log('printed')
    print_log('unseen', 'silent')
    print_log('current', 'current')
    assert MMLogger.get_current_instance().instance_name == 'mmengine'
    MMLogger.get_instance('run', logger_name='other')
    print_log('named', 'mmengine')
    out = capsys.readouterr().out.splitlines()
    assert out[0] == 'printed' and [line[17:] for line in out[1:]] == [
        'mmengine - INFO - current',
        'mmengine - INFO - named',
    ]
    with caplog.at_level(logging.INFO, 'standard'):
        print_log('standard', logging.getLogger('standard'))
    assert caplog.messages == ['standard']
    with pytest.raises(ValueError, match="'absent'.*'silent', 'current', 'mmengine', 'run'"):
        print_log('x', 'absent')
    with pytest.raises(TypeError):
        print_log('x', 3)


def test_loggers_are_found_again_after_copies_and_pickles() -> None:
    logger = MMLogger.get_instance('run')
    assert copy.deepcopy({'logger': logger})['logger'] is logger
    assert pickle.loads(pickle.dumps(logger)) is logger


def test_lies_outside_of_the_tree_of_logging(capsys, caplog) -> None:
    MMLogger.get_instance('run').info('ours')
    assert not caplog.messages and not logging.getLogger('mmengine').handlers
