"""Words of other systems, and what they are called here: what a hint says in place of the nearest spelling."""

from __future__ import annotations

from collections.abc import Mapping


def _by_word(words: Mapping[str, str]) -> dict[str, str]:
    """Return for each word what is written here: the other way round is easier to read."""
    return {word: meant for meant, listed in words.items() for word in listed.split()}


#: Operators of SQL, Mongo, GraphQL and other tools; what to write beneath the expression.
OPERATOR_WORDS: Mapping[str, str] = _by_word(
    {
        "gt: …": "greater_than greater more_than above over after $gt >",
        "gte: …": "greater_than_or_equal greater_or_equal at_least min $gte >= ge",
        "lt: …": "less_than less fewer_than below under before $lt <",
        "lte: …": "less_than_or_equal less_or_equal at_most max $lte <= le",
        "is_not: …": "not_equal not_equals not_equal_to isnt is_not_equal ne neq $ne != <>",
        "is: …": "equal equals equal_to eq $eq = ==",
        "exists: false": "is_null null missing absent is_missing not_exists does_not_exist unset isnull",
        "exists: true": "is_not_null not_null present is_present is_set set exist notnull $exists",
        "gte: …, lte: …": "between range in_range",
        "matches: …": "like glob wildcard pattern",
        "contains: …": "include includes has $contains",
        "in: […]": "one_of any_of in_list is_in $in oneof",
        "not_in: […]": "not_one_of none_of nin $nin is_not_in",
        "starts_with: …": "begins_with starts start_with prefix startswith",
        "ends_with: …": "ends end_with suffix endswith",
    }
)

#: Functions of SQL, JavaScript, Python, Liquid and spreadsheets; what to write in an expression.
FUNCTION_WORDS: Mapping[str, str] = _by_word(
    {
        "write `a || b`, or not_null(a, b)": "coalesce ifnull nvl default or_else fallback first first_of",
        "write to_string(x)": "str string tostring to_text text cast varchar",
        "write to_number(x)": "int integer float number tonumber to_int to_integer parse_int parseint",
        "write a template, \"{{ a }} {{ b }}\", or join(' ', [a, b])": "concat concatenate append format printf",
        "write lower(x)": "lowercase tolower lcase downcase to_lower to_lowercase",
        "write upper(x)": "uppercase toupper ucase upcase to_upper to_uppercase",
        "write trim(x)": "strip trimmed",
        "write a slice: x[0:10]": "substring substr left mid truncate",
        "write length(x)": "len size count",
        "write if(test, then, else)": "iif ifelse if_else cond case iff decode",
        "write `x == null`": "isnull is_null exists defined",
        "write add(a, b)": "sum_of plus add_numbers",
        "write subtract(a, b)": "minus difference",
        "write multiply(a, b)": "times mul",
        "write divide(a, b)": "div",
        "write sha256(x)": "sha_256 sha hash sha2 hexdigest",
        "write to_iso8601(x), or format_datetime(x, '%Y-%m-%d')": "to_date date strftime date_format format_date",
        "write to_unix_seconds(x)": "unix epoch to_unix to_epoch unix_timestamp",
        "write to_json(x)": "to_json_string stringify tojson json",
        "write parse_json(x)": "json_parse parsejson from_json",
    }
)

#: Keys of a mapping in other tools.
MAPPING_WORDS: Mapping[str, str] = _by_word(
    {
        "trigger": "if when condition conditions where on match event events filter rule",
        "fields": "mapping map payload properties body params values data columns set field",
        "action": "type call method do then send",
        "name": "id title label",
        "examples": "example tests test",
        "enabled": "active disabled on_off",
        "omit": "exclude without remove drop",
        "description": "comment note doc",
    }
)

#: Other names of destinations.
DESTINATION_WORDS: Mapping[str, str] = _by_word(
    {
        "google_analytics_4": "ga4 ga google google_analytics googleanalytics gtag",
        "facebook_conversions": "facebook fb meta meta_conversions facebook_capi fb_capi capi facebook_ads",
        "tiktok_events": "tiktok tik_tok tiktok_conversions tiktok_ads",
        "reddit_conversions": "reddit reddit_ads",
        "customerio": "customer.io customer_io cio",
        "sql": "postgres postgresql mysql sqlite database db warehouse",
        "webhook": "http https webhooks url rest api",
        "jsonl": "file json jsonlines json_lines ndjson",
        "sendgrid": "twilio_sendgrid send_grid",
        "hubspot": "hub_spot hubspot_crm",
        "posthog": "post_hog",
    }
)

#: Payload fields by other words: each set names one thing, of which an action has at most one name.
FIELD_WORDS: tuple[frozenset[str], ...] = tuple(
    map(
        frozenset,
        (
            ("email", "email_address", "e_mail", "mail", "recipient"),
            ("phone", "phone_number", "telephone", "mobile", "tel"),
            ("first_name", "firstname", "given_name", "fname", "first"),
            ("last_name", "lastname", "surname", "family_name", "lname", "last"),
            ("postal_code", "zip", "zip_code", "zipcode", "postcode", "postal"),
            ("country", "country_code"),
            ("state", "region", "province"),
            ("city", "town"),
            ("user_id", "external_id", "id", "customer_id", "userid", "distinct_id", "uid"),
            ("anonymous_id", "anonymousid", "visitor_id", "device_id"),
            ("value", "revenue", "amount", "total", "price", "total_price"),
            ("currency", "currency_code"),
            ("products", "items", "contents", "line_items", "lines"),
            ("time", "timestamp", "event_time", "sent_at", "created_at", "occurred_at"),
            ("event", "event_name", "name", "event_type"),
            (
                "properties",
                "params",
                "attributes",
                "event_properties",
                "data",
                "data_fields",
                "custom_data",
                "metadata",
            ),
            ("traits", "user_properties", "attributes", "custom_attributes", "profile_properties", "user_data"),
            ("url", "page_url", "link", "current_url", "page_location", "event_source_url"),
            ("text", "message", "body", "content"),
            ("company", "company_name", "organization", "organisation"),
        ),
    )
)


def other_field(name: str, known: object) -> str:
    """Return what an action's fields call what `name` calls otherwise; empty where they have no one word for it."""
    fields = set(known)  # type: ignore[call-overload]
    meant = {field for words in FIELD_WORDS if name.lower() in words for field in words & fields}
    return meant.pop() if len(meant) == 1 else ""
