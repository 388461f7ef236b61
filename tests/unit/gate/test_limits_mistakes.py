"""Every mistake in a limits file, by its own fixture: the line, the key, what is wrong and what is allowed."""

from pathlib import Path

import pytest

from risksvc.gate.limits_file import LimitsFileError, load_limits

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "limits"

# Where every fixture's limit stands that most mistakes are made in.
NET = "accounts.main.instruments.BTC/USDT:USDT.max_net_exposure"
BTC = "accounts.main.instruments.BTC/USDT:USDT"
MAKER = "accounts.main.strategies.maker"
PAIR = f"{MAKER}.instruments.BTC/USDT:USDT"
DIGITS = "allowed: plain digits like 0.5 or -12, at most 15 before and 18 after the point, no exponent"
SYMBOLS = "allowed: BTC/USDT:USDT (perpetual), BTC/USDT:USDT-261225 (future), BTC/USDT (spot)"
NAMES = "is not a name; allowed: letters, digits, _ and -, a letter or digit first, at most 64"
NO_ALIASES = "anchors and aliases are not used here; write the value out"
INSTRUMENT_KEYS = "allowed: max_order_quantity, max_order_notional, max_net_exposure, max_gross_exposure, price_collar"
BAND_BOUNDS = "must be 100 or more, at most 1000 (percent of the intended size; 150 is the rule)"
DURATIONS = "allowed: 100ms, 2s, 5m or whole milliseconds"
PERCENT_BOUNDS = "must be above 0, at most 100 (percent)"
EMPTY = "is empty; `risksvc init` writes a commented file to start from"

# fixture -> every problem in it: line, key, message
MISTAKES: dict[str, list[tuple[int, str, str]]] = {
    "bad_account_name": [
        (3, "accounts.main account", f"'main account' {NAMES}"),
    ],
    "bad_anchor_and_alias": [
        (7, NET, f"&most: {NO_ALIASES}"),
        (8, f"{BTC}.max_order_notional", f"*most: {NO_ALIASES}"),
    ],
    "bad_band_as_ratio": [
        (10, f"{MAKER}.band", f"{BAND_BOUNDS}; found '1.5'"),
    ],
    "bad_band_too_wide": [
        (10, f"{MAKER}.band", f"{BAND_BOUNDS}; found '15000'"),
    ],
    "bad_billion_laughs": [
        (1, "a", f"&a: {NO_ALIASES}"),
        (2, "b", f"&b: {NO_ALIASES}"),
        (2, "b[0]", f"*a: {NO_ALIASES}"),
        (2, "b[1]", f"*a: {NO_ALIASES}"),
        (3, "c", f"&c: {NO_ALIASES}"),
        (3, "c[0]", f"*b: {NO_ALIASES}"),
        (3, "c[1]", f"*b: {NO_ALIASES}"),
        (5, "accounts", f"*c: {NO_ALIASES}"),
    ],
    "bad_collar_above_100": [
        (7, f"{BTC}.price_collar", f"{PERCENT_BOUNDS}; found '500'"),
    ],
    "bad_colons": [
        (7, NET, f"must be a number; '13:53:20' is not a decimal; {DIGITS}"),
    ],
    "bad_complex_key": [
        (9, "accounts.main.strategies", "a key must be plain text, without anchor, alias or tag"),
    ],
    "bad_control_character": [
        (9, "", "the character U+0007 is not allowed in YAML"),
    ],
    "bad_duplicate_account": [
        (8, "accounts.main", "is there twice; the first is in line 3. Keep one"),
    ],
    "bad_duplicate_key": [
        (8, NET, "is there twice; the first is in line 7. Keep one"),
    ],
    "bad_duration_range": [
        (10, f"{MAKER}.belief_max_age", f"must be a duration; found '2h', {DURATIONS}"),
        (11, f"{MAKER}.belief_lag", "must be 0ms or more, at most 1m; found '5m'"),
    ],
    "bad_duration_unit": [
        (10, f"{MAKER}.belief_lag", f"must be a duration; found '2 seconds', {DURATIONS}"),
    ],
    "bad_empty": [
        (0, "", EMPTY),
    ],
    "bad_everything_at_once": [
        (2, "version", "is there twice; the first is in line 1. Keep one"),
        (8, f"{BTC}.max_net_exposre", f"unknown key (did you mean 'max_net_exposure'?); {INSTRUMENT_KEYS}"),
        (9, f"{BTC}.price_collar", "'5%' has a percent sign; write the number alone"),
        (10, f"{BTC}.max_order_quantity", "must be above 0; found '-1'"),
        (13, f"{MAKER}.band", f"{BAND_BOUNDS}; found '1.5'"),
        (16, f"{PAIR}.intended.low", "2 is above high 1; low must be at most high"),
        (
            17,
            f"{MAKER}.instruments.XRP/USDT:USDT",
            "unknown instrument (did you mean 'BTC/USDT:USDT'?); allowed: what the account lists under `instruments`",
        ),
    ],
    "bad_fractional_rate_of_orders": [
        (10, f"{MAKER}.max_orders_per_second", "must be a whole number 1 or more, at most 1000000; found '2.5'"),
    ],
    "bad_indentation": [
        (8, "", "is not YAML: did not find expected key (while parsing a block mapping that began in line 3)"),
    ],
    "bad_infinity": [
        (7, NET, "'.inf' is not a finite number; write digits like 50000"),
    ],
    "bad_instrument_symbol": [
        (8, "accounts.main.instruments.ETHUSDT", f"'ETHUSDT' is not a ccxt unified symbol; {SYMBOLS}"),
    ],
    "bad_intended_beyond_max": [
        (14, f"{PAIR}.intended", "2.5 is beyond max_intended 2; it must be within it"),
    ],
    "bad_intended_low_above_high": [
        (13, f"{PAIR}.intended.low", "1 is above high -1; low must be at most high"),
    ],
    "bad_intended_range_beyond_max": [
        (14, f"{PAIR}.intended", "3 is beyond max_intended 2; it must be within it"),
    ],
    "bad_intended_without_end": [
        (13, f"{PAIR}.intended.high", "is missing; it must be written"),
    ],
    "bad_key_without_value": [
        (7, NET, "has no value; write one, or remove the key"),
    ],
    "bad_leading_zero": [
        (7, NET, "'050000' has a leading zero; write the number without it"),
    ],
    "bad_limit_without_number": [
        (7, f"{NET}.limit", "is missing; it must be written"),
    ],
    "bad_list_for_file": [
        (1, "", "must be a mapping of keys to values; found a list"),
    ],
    "bad_list_for_mapping": [
        (5, "accounts.main.instruments", "must be a mapping of keys to values; found a list"),
    ],
    "bad_list_for_number": [
        (7, NET, "must be a number, or a mapping that holds it as `limit`; found a list"),
    ],
    "bad_mapping_for_number": [
        (10, f"{MAKER}.band.limit", "is missing; it must be written"),
        (10, f"{MAKER}.band.percent", "unknown key; allowed: limit, warn_at, mode, on_breach"),
    ],
    "bad_merge_key": [
        (6, BTC, f"&btc: {NO_ALIASES}"),
        (9, "accounts.main.instruments.ETH/USDT:USDT.<<", f"*btc: {NO_ALIASES}"),
    ],
    "bad_missing_accounts": [
        (1, "accounts", "is missing; it must be written"),
    ],
    "bad_missing_version": [
        (1, "version", "is missing; it must be written"),
    ],
    "bad_misspelled_key": [
        (7, f"{BTC}.max_net_exposre", f"unknown key (did you mean 'max_net_exposure'?); {INSTRUMENT_KEYS}"),
    ],
    "bad_misspelled_top_key": [
        (
            2,
            "defualts",
            "unknown key (did you mean 'defaults'?); allowed: version, currency, rates, defaults, firm, accounts",
        ),
    ],
    "bad_nan": [
        (7, NET, "'.nan' is not a finite number; write digits like 50000"),
    ],
    "bad_negative_max_intended": [
        (13, f"{PAIR}.max_intended", "must be 0 or more; found '-2'"),
    ],
    "bad_negative_number": [
        (7, NET, "must be 0 or more; found '-1'"),
    ],
    "bad_negative_residual": [
        (5, "accounts.main.max_residual", "must be 0 or more; found '-1'"),
    ],
    "bad_no_accounts": [
        (2, "accounts", "must name at least one account; what is not listed is denied"),
    ],
    "bad_not_utf8": [
        (9, "", "is not UTF-8 text (byte 0xe4); save the file as UTF-8"),
    ],
    "bad_number_with_commas": [
        (7, NET, "'50,000' has commas; group digits with _ as in 50_000"),
    ],
    "bad_number_with_dollar": [
        (7, NET, "'$50,000' has a currency sign; write the number alone, in the file's `currency`"),
    ],
    "bad_number_with_exponent": [
        (7, NET, "'5e4' has an exponent; write the digits out"),
    ],
    "bad_number_with_k": [
        (7, NET, "'50k' has a unit; write the digits alone, like 50000"),
    ],
    "bad_number_with_percent": [
        (7, NET, "'5%' has a percent sign; write the number alone"),
    ],
    "bad_number_with_unit": [
        (7, NET, "'50000 USD' has a unit; write the digits alone, like 50000"),
    ],
    "bad_odd_grouping": [
        (7, NET, f"must be a number; '5_0000' is not a decimal; {DIGITS}"),
    ],
    "bad_on_breach_of_order_limit": [
        (7, f"{BTC}.max_order_quantity.on_breach", "unknown key; allowed: limit, warn_at, mode"),
    ],
    "bad_only_comments": [
        (0, "", EMPTY),
    ],
    "bad_on_breach_of_gross_exposure": [
        (8, f"{BTC}.max_gross_exposure.on_breach", "unknown key; allowed: limit, warn_at, mode"),
    ],
    "bad_option_symbol": [
        (
            8,
            "accounts.main.instruments.BTC/USD:BTC-261225-100000-C",
            "'BTC/USD:BTC-261225-100000-C' is an option; allowed: spot, perpetuals and futures",
        ),
    ],
    "bad_plus_sign": [
        (7, NET, "'+50000' has a plus sign; write the number without it"),
    ],
    "bad_python_tag": [
        (10, f"{MAKER}.band", "must be a number, or a mapping that holds it as `limit`; found a list"),
        (10, f"{MAKER}.band", "tags (`!...`) are not used here; write the value alone"),
    ],
    "bad_rate_missing": [
        (
            8,
            "accounts.main.instruments.BTC/EUR",
            "is quoted in EUR, which has no rate; write one under `rates`: {EUR: ...}",
        ),
    ],
    "bad_rate_not_positive": [
        (2, "rates.EUR", "must be above 0; found '-1.1'"),
        (2, "rates.USDT", "must be above 0; found '0'"),
    ],
    "bad_rate_of_own_currency": [
        (2, "rates.USD", "must be 1, or be left out: USD is the currency of this file"),
    ],
    "bad_rates_in_another_currency": [
        (7, BTC, "is quoted in USDT, which has no rate; write one under `rates`: {USDT: ...}"),
    ],
    "bad_several_documents": [
        (2, "", "a second document begins here (`---`); one file holds one document"),
    ],
    "bad_strategy_name": [
        (9, f"{MAKER}.v2", f"'maker.v2' {NAMES}"),
    ],
    "bad_tab": [
        (5, "", "a tab in the indentation; YAML is indented with spaces"),
    ],
    "bad_tag": [
        (7, NET, "tags (`!...`) are not used here; write the value alone"),
    ],
    "bad_text_for_file": [
        (1, "", "must be a mapping of keys to values; found the text 'just some text'"),
    ],
    "bad_text_for_mapping": [
        (6, BTC, "must be a mapping of keys to values; found 'tradable'"),
    ],
    "bad_text_for_number": [
        (7, NET, f"must be a number; 'plenty' is not a decimal; {DIGITS}"),
    ],
    "bad_too_deep": [
        (1, "a[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]", "nested deeper than 16 levels"),
    ],
    "bad_too_many_decimals": [
        (7, NET, f"must be a number; '0.1234567890123456789' is not a decimal; {DIGITS}"),
    ],
    "bad_too_many_digits": [
        (7, NET, f"must be a number; '1234567890123456' is not a decimal; {DIGITS}"),
    ],
    "bad_unclosed_bracket": [
        (8, "", "is not YAML: did not find expected ',' or '}' (while parsing a flow mapping that began in line 7)"),
    ],
    "bad_unclosed_quote": [
        (14, "", "is not YAML: found unexpected end of stream (while scanning a quoted scalar that began in line 9)"),
    ],
    "bad_unicode_digits": [
        (7, NET, f"must be a number; '\uff15\uff10\uff10\uff10\uff10' is not a decimal; {DIGITS}"),
    ],
    "bad_unknown_belief": [
        (10, f"{MAKER}.belief", "must be one of required, optional; found 'sometimes'"),
    ],
    "bad_unknown_currency": [
        (2, "currency", "'US Dollar' is not a currency; allowed: its code, like USD or USDT"),
    ],
    "bad_unknown_instrument": [
        (
            12,
            f"{MAKER}.instruments.BTC/USDT:USD",
            "unknown instrument (did you mean 'BTC/USDT:USDT'?); allowed: what the account lists under `instruments`",
        ),
    ],
    "bad_unknown_mode": [
        (7, f"{NET}.mode", "must be one of enforce, shadow; found 'shaddow' (did you mean 'shadow'?)"),
    ],
    "bad_unknown_on_breach": [
        (7, f"{NET}.on_breach", "must be one of deny, reduce, halt; found 'flatten'"),
    ],
    "bad_unsupported_version": [
        (1, "version", "'2' is not a version that this risksvc reads; allowed: 1"),
    ],
    "bad_warn_at_not_a_list": [
        (7, f"{NET}.warn_at", "must be a list; found '80'"),
    ],
    "bad_warn_at_out_of_range": [
        (7, f"{NET}.warn_at[0]", f"{PERCENT_BOUNDS}; found '0'"),
        (7, f"{NET}.warn_at[2]", f"{PERCENT_BOUNDS}; found '101'"),
    ],
    "bad_warn_at_unsorted": [
        (7, f"{NET}.warn_at", "must ascend, each once; 50 comes after 75"),
    ],
    "bad_zero_collar": [
        (7, f"{BTC}.price_collar", f"{PERCENT_BOUNDS}; found '0'"),
    ],
    "bad_zero_order_quantity": [
        (7, f"{BTC}.max_order_quantity", "must be above 0; found '0'"),
    ],
    "bad_zero_rate_of_orders": [
        (10, f"{MAKER}.max_orders_per_second", "must be a whole number 1 or more, at most 1000000; found '0'"),
    ],
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_with_its_line_and_what_is_allowed(name: str) -> None:
    path = FIXTURES / f"{name}.yaml"
    with pytest.raises(LimitsFileError) as refused:
        load_limits(path)
    assert [(each.line, each.key, each.message) for each in refused.value.errors] == MISTAKES[name]
    assert all(each.file == str(path) for each in refused.value.errors)


def test_every_fixture_is_in_the_table() -> None:
    assert sorted(path.stem for path in FIXTURES.glob("bad_*.yaml")) == sorted(MISTAKES)


def test_the_file_that_the_mistakes_are_made_in_is_good() -> None:
    assert load_limits(FIXTURES / "good.yaml").warnings == ()


def test_an_error_is_one_line_for_each_mistake_as_compilers_write_them() -> None:
    path = FIXTURES / "bad_rate_not_positive.yaml"
    with pytest.raises(LimitsFileError) as refused:
        load_limits(path)
    assert str(refused.value) == (
        f"{path}:2: rates.EUR: must be above 0; found '-1.1'\n{path}:2: rates.USDT: must be above 0; found '0'"
    )
