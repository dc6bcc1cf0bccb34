"""Facts of an event by name: where each stands by the Segment spec, in both spellings, in one order everywhere.

A plugin names the fact and not its paths: `From(Fact.EMAIL, "The person's address.")`. What an event says of the person
stands in `traits` (Identify, Group), in `context.traits` (all other calls), and where people put it in `properties`.

Source: https://segment.com/docs/connections/spec/common/, /identify/#traits, /track/#properties and /ecommerce/v2/.
"""

from __future__ import annotations


def _of_person(*names: str, everywhere: bool = True) -> str:
    """Return where a trait may stand, in each of its spellings."""
    places = ("traits", "context.traits", "properties") if everywhere else ("traits", "context.traits")
    return " || ".join(f"{place}.{name}" for place in places for name in names)


_COUNTRY = _of_person("address.country", "country", everywhere=False) + " || context.location.country"


class Fact:
    """Expressions, each the one way to read a fact of an event."""

    #: When it happened. `timestamp` is the device's own time, corrected for its clock.
    MOMENT = "timestamp || originalTimestamp || sentAt || receivedAt"
    #: Who it was: the user where the user is known, else the visitor.
    PERSON_ID = "userId || anonymousId"
    #: The id until now, of an Alias call: libraries that know no other take the visitor's.
    PREVIOUS_ID = "previousId || anonymousId"
    #: The group in which something was done.
    GROUP_ID = "context.groupId"
    #: The same for the ad platforms, which match people by it: an empty user id says that nobody is to be known.
    EXTERNAL_ID = "not_null(userId, anonymousId)"

    EMAIL = _of_person("email")
    PHONE = _of_person("phone")
    #: The same with its country code, where the event says the country; else as it is, so that its field can tell.
    PHONE_NUMBER = f"normalize_phone({PHONE}, {_COUNTRY}, context.locale) || {PHONE}"
    #: Its SHA-256 as Meta compares it, in one step: to normalise a number takes longer than all the rest of a payload.
    PHONE_HASH = f"hash_phone({PHONE}, {_COUNTRY}, context.locale) || {PHONE}"
    FIRST_NAME = _of_person("firstName", "first_name")
    LAST_NAME = _of_person("lastName", "last_name")
    GENDER = _of_person("gender")
    NAME = _of_person("name")
    BIRTHDAY = _of_person("birthday")
    COMPANY = _of_person("company.name", "company", everywhere=False)
    TITLE = _of_person("title", everywhere=False)
    CREATED_AT = _of_person("createdAt", "created_at", everywhere=False)
    STREET = _of_person("address.street", everywhere=False)
    CITY = _of_person("address.city", "city", everywhere=False) + " || context.location.city"
    STATE = _of_person("address.state", "state", everywhere=False) + " || context.location.region"
    COUNTRY = _COUNTRY
    POSTAL_CODE = _of_person("address.postalCode", "address.postal_code", "address.zip", "zip", everywhere=False)

    #: What it is worth: the spec's `revenue`; an order's `total` where there is none, any event's `value` else.
    REVENUE = "properties.revenue || properties.total || properties.value"
    CURRENCY = "properties.currency"
    #: The products of an order, or the one product that the event is about.
    PRODUCTS = "properties.products"
    ORDER_ID = "properties.order_id"

    #: The page, as analytics.js tells it and as a Page call does.
    PAGE_URL = "context.page.url || properties.url"
    PAGE_TITLE = "context.page.title || properties.title"
    REFERRER = "context.page.referrer || properties.referrer"

    #: The app, the device, the network and the screen, as the mobile SDKs tell them.
    APP_NAME = "context.app.name"
    APP_VERSION = "context.app.version"
    APP_BUILD = "context.app.build"
    APP_NAMESPACE = "context.app.namespace"
    DEVICE_ID = "context.device.id"
    DEVICE_MANUFACTURER = "context.device.manufacturer"
    DEVICE_MODEL = "context.device.model"
    DEVICE_NAME = "context.device.name"
    DEVICE_TYPE = "context.device.type"
    ADVERTISING_ID = "context.device.advertisingId || context.device.idfa"
    AD_TRACKING = "context.device.adTrackingEnabled"
    #: The same of Apple's devices alone, and of Android's.
    APPLE_ADVERTISING_ID = (
        "([context][?contains(['ios', 'iOS', 'Apple', 'iPadOS'], device.type || os.name || '')]"
        ".device.advertisingId)[0] || context.device.idfa"
    )
    ANDROID_ADVERTISING_ID = (
        "([context][?contains(['android', 'Android', 'Google'], device.type || os.name || '')].device.advertisingId)[0]"
    )
    VENDOR_ID = "context.device.idfv || context.device.id"
    OS_NAME = "context.os.name"
    OS_VERSION = "context.os.version"
    CARRIER = "context.network.carrier"
    WIFI = "context.network.wifi"
    BLUETOOTH = "context.network.bluetooth"
    CELLULAR = "context.network.cellular"
    SCREEN_WIDTH = "context.screen.width"
    SCREEN_HEIGHT = "context.screen.height"
    SCREEN_DENSITY = "context.screen.density"

    #: Where and how.
    IP = "context.ip"
    USER_AGENT = "context.userAgent"
    LOCALE = "context.locale"
    TIMEZONE = "context.timezone"
    LATITUDE = "context.location.latitude"
    LONGITUDE = "context.location.longitude"
    LOCATION_CITY = "context.location.city"
    LOCATION_REGION = "context.location.region"
    LOCATION_COUNTRY = "context.location.country"
    USER_AGENT_DATA = "context.userAgentData"
    #: What sent it first.
    LIBRARY_NAME = "context.library.name"
    LIBRARY_VERSION = "context.library.version"

    #: The campaign that led here.
    CAMPAIGN_NAME = "context.campaign.name"
    CAMPAIGN_SOURCE = "context.campaign.source"
    CAMPAIGN_MEDIUM = "context.campaign.medium"
    CAMPAIGN_TERM = "context.campaign.term"
    CAMPAIGN_CONTENT = "context.campaign.content"
