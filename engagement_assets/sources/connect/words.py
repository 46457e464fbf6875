"""What shops and their systems call things, in the languages of their exports.

Names are compared squashed: small letters and digits only, without accents (`Créé le` is `creele`, `CustomerID` is `customerid`).
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

_WHO = (
    "customers?|custs?|clients?|users?|visitors?|shoppers?|buyers?|members?|kunden?|klant(?:en)?|klienta?|clientes?|usuarios?|"
    "utilisateurs?|utentes?|utenti|utente|acheteurs?|compradores|comprador|accounts?|guests?|persons?|profiles?|consumers?|"
    "besteller|kaeufer|kaufer|besucher|nutzer|benutzer|visiteurs?|asiakas|zakaznik|musteri|contacts?|subscribers?"
)
_ID = "ids?|no|nr|num|number|nummer|numero|key|code|uuid|guid|ref|reference|kennung|sk|identifier|hash"
_ORDER = (
    "orders?|invoices?|bestellungs?|bestell|auftrags?|rechnungs?|commandes?|pedidos?|ordine|ordini|factures?|facturas?|"
    "fatturas?|fattura|transactions?|txn|trans|sales?|receipts?|purchases?|belegs?|bons?|vorgangs?|zamowienia?|bestellings?|"
    "charges?|tickets?|ordre|nota|compras?|ventes?|ventas?|checkouts?|tr|payments?|increment"
)
_TIME = (
    "date|time|timestamp|datetime|at|ts|datum|zeit|zeitpunkt|fecha|data|heure|dia|day|tstamp|tmst|dt|utc|gmt|when|moment|"
    "timestampz|unix|epoch|millis|ms|dateutc|timeutc|am|le|on"
)
_FIRST = (
    "billing|shipping|raw|src|fk|dim|fact|c|o|u|the|primary|properties|traits|contexttraits|data|payload|attributes"
)
_AMOUNT = "amount|amt|total|revenue|value|price|sum|betrag|summe|wert|montant|importe|importo|totale|valor|valore|kwota|bedrag"

#: Column of the contract, or what else a table is known by -> patterns of names, the surest first, and how sure each is.
_PATTERNS: dict[str, tuple[tuple[str, float], ...]] = {
    "customer_id": (
        (rf"(?:{_FIRST})?(?:{_WHO})(?:unique)?(?:{_ID})", 1.0),
        (rf"(?:{_ID}|n|cod|codigo|codice|kod)(?:de|du|da|del)?(?:{_WHO})", 1.0),
        ("userpseudoid|anonymousid|distinctid|domainuserid|networkuserid|fullvisitorid|visitoruuid|cid", 0.85),
        (rf".*(?:{_WHO})(?:unique)?(?:{_ID})", 0.9),
        (rf"(?:{_FIRST})?(?:{_WHO})", 0.85),
        (rf"(?:loyalty|member|club|kunden|customer)?(?:card|karte)(?:{_ID})?", 0.75),
        ("deviceid|cookieid|cookie|uid", 0.6),
        (rf"(?:{_WHO})(?:full)?name|username|login|handle", 0.5),
        (r"(?:\w*)?(?:e?mail(?:address|adresse)?|correo|courriel)", 0.5),
    ),
    "order_id": (
        (rf"(?:{_FIRST}|ecommerce)?(?:{_ORDER})(?:{_ID})", 1.0),
        (rf"(?:{_ID}|n|cod|codigo|codice)(?:de|du|da|del)?(?:{_ORDER})", 1.0),
        (rf".*(?:order|invoice|transaction|bestell|auftrag|rechnung|commande|pedido|purchase)(?:{_ID})", 0.9),
        (rf"(?:{_ORDER})", 0.8),
        ("name", 0.2),
    ),
    "order_date": (
        (rf"(?:{_FIRST})?(?:{_ORDER})(?:purchase|created?|placed|creation|order)?(?:{_TIME})(?:{_TIME})?", 1.0),
        (rf"(?:{_TIME})(?:de|da|del|della|of|der)?(?:{_ORDER})", 1.0),
        (rf"(?:ordered|purchased|placed|bestellt|sold)(?:{_TIME})(?:{_TIME})?", 1.0),
        (rf"(?:date|time|data|fecha)?(?:created|creation|creee?|creado|erstellt|angelegt)(?:{_TIME})*", 0.9),
        (rf"(?:{_TIME})(?:created|creation|paid|placed|added|add)(?:utc|gmt)?", 0.85),
        (rf"(?:paid|processed|completed|charged|captured|bezahlt)(?:{_TIME})(?:{_TIME})?", 0.7),
        (rf"(?:event|server|collector)?(?:{_TIME})(?:{_TIME})?", 0.75),
    ),
    "order_amount": (
        (
            rf"(?:{_FIRST}|ecommerce)?(?:grand|order|invoice|sale|purchase|transaction|payment|basket|cart|tr)total",
            1.0,
        ),
        (
            rf"(?:{_FIRST}|ecommerce)?(?:order|invoice|sale|purchase|transaction|payment|basket|cart|tr|total)(?:{_AMOUNT})",
            0.97,
        ),
        (
            r"(?:grand)?(?:total|totale|gesamt)(?:amount|betrag|summe|price|preis|paid|sum|wert|ttc|order|sales|due|base)?",
            1.0,
        ),
        (
            r"(?:rechnungs|gesamt|bestell|auftrags|end)(?:betrag|summe|wert|preis)|montant(?:total|ttc)?|importe?(?:total)?",
            1.0,
        ),
        (r"(?:amount|amt|betrag|summe|umsatz|revenue|sales|spend|turnover|chiffredaffaires|ventas|kwota|bedrag)", 0.95),
        (
            r"(?:amountpaid|paidamount|paid|linetotal|lineamount|extendedprice|itemtotal|netsales|grosssales|nrevenue)",
            0.9,
        ),
        (rf"(?:{_FIRST})?(?:revenue|total|amount|amountusd|valueinusd|value)", 0.85),
        (r".*(?:total|amount|revenue|betrag|umsatz|montant|importe|valor)(?:usd|eur|gbp|incents?|cents)?", 0.7),
        (r"(?:subtotal|nettotal|netamount|net|gross|sum|value|wert|valor|valore|zwischensumme)", 0.6),
        (r"(?:price|preis|prix|precio|prezzo|prijs|cena)", 0.4),
    ),
    "quantity": (
        (
            r"(?:order|item|lineitem|product|ti)?(?:quantity|qty|quantite|qte|cantidad|quantidade|menge|anzahl|stueckzahl|"
            r"stuckzahl|stuck|units?|quantita|pieces|aantal|ilosc|count)(?:ordered|sold)?",
            1.0,
        ),
    ),
    "unit_price": (
        (
            r"(?:unit|item|lineitem|product|each|per|einzel|stuck|ti|selling|sale|list)(?:price|preis|cost)(?:each)?",
            1.0,
        ),
        (r"priceeach|prixunitaire|preciounitario|prezzounitario|precounitario|stukprijs", 1.0),
        (r"(?:price|preis|prix|precio|prezzo|preco|prijs|cena)", 0.9),
    ),
    "product": (
        (
            r".*(?:product|produkt|produit|producto|prodotto|sku|artikel|article|articolo|stockcode|asin|variant)(?:.{0,12})",
            1.0,
        ),
        (
            r"(?:line)?items?(?:id|no|name|code|sku|number)?|title|description|category(?:id|code)?|brand|style(?:id)?",
            0.7,
        ),
    ),
    "email": ((r".*(?:e?mail(?:address|adresse)?|correo(?:electronico)?|courriel)", 1.0),),
    "signup_date": (
        (
            rf"(?:signup|signedup|signup|registration|registered|register|joined|join|enrolled|anmelde|registrierungs?|"
            rf"inscription|alta|registro|iscrizione|membersince|customersince|kundeseit|clientsince|clientdepuis|activation)"
            rf"(?:{_TIME})*",
            1.0,
        ),
        (
            rf"(?:{_TIME})(?:de|d|da|of|der|di)?(?:signup|registration|inscription|alta|registro|anmeldung|joined|iscrizione)",
            1.0,
        ),
        (rf"(?:{_WHO})(?:created|since|signup|registration|creation)(?:{_TIME})*", 1.0),
        (
            rf"(?:date|time)?(?:created|creation|creee?|creado|erstellt|angelegt)(?:{_TIME})*|(?:firstseen|firstorder|firsttouch).*",
            0.9,
        ),
        (rf"(?:{_TIME})(?:created|creation|added|add)(?:utc|gmt)?", 0.9),
        (r"(?:userfirsttouchtimestamp|dateadded|addedat|insertedat)", 0.7),
        (r"(?:date|datum|fecha|data)", 0.5),
    ),
    "country": (
        (
            rf"(?:{_FIRST}|{_WHO}|ship|bill|geo|address|defaultaddress|location)?(?:country|land|pays|pais|paese|nation|kraj|zeme)"
            r"(?:code|name|iso|kurzel|iso2)?",
            1.0,
        ),
        (r".*(?:country|laenderkennzeichen|landercode)(?:code|name|iso)?", 0.85),
        (r"market|nationality|region", 0.4),
        (rf"(?:{_WHO})?(?:state|province|bundesland)", 0.3),
    ),
    "event_time": (
        (rf"(?:event|hit|action|click|visit|session|activity|view|request|ereignis)(?:{_TIME})(?:{_TIME})?", 1.0),
        (
            r"timestamp|datetime|collectortstamp|occurredat|happenedat|servertime|clienttime|eventat|time|ts|zeitstempel",
            1.0,
        ),
        (
            r"derivedtstamp|originaltimestamp|clientts|loggedat|createdat|created|date_?time|zeit(?:punkt)?|fechahora|unixtime",
            0.85,
        ),
        (rf"(?:sent|received|created|server|dvcecreated|requested|inserted)(?:{_TIME})*", 0.7),
        (rf"(?:{_TIME})", 0.65),
    ),
    "event_type": (
        (
            r"event(?:type|name|action|category|kind)|(?:type|tipo|typ)(?:event|evento|devenement)|ereignis(?:typ)?|evento",
            1.0,
        ),
        (
            r"event|action(?:type|name)?|activity(?:type|name)?|aktion|accion|azione|interaction(?:type)?|behaviou?r(?:type)?",
            0.95,
        ),
        (r"(?:hit|page|message|log|request)type|verb|type|typ|kind", 0.75),
        (r"name|category|label", 0.4),
    ),
    "event_id": (
        (rf"(?:event|message|hit|insert|log|click|activity|ereignis)(?:{_ID})|originalmessageid", 1.0),
        (r"id|uuid|guid", 0.7),
    ),
    "url": ((r".*(?:url|uri|pagepath|pagelocation|path|page|seite)", 1.0),),
    "updated_at": (
        (rf"(?:last)?(?:updated?|modified|changed|geandert|aktualisiert|actualizado|modifie)(?:{_TIME})*", 1.0),
        (rf"(?:{_TIME})(?:updated?|upd|modified|changed|modification)(?:gmt|utc)?", 1.0),
    ),
    "status": (
        (r"(?:order|financial|payment|rechnungs|bestell|auftrags)?(?:status|state|zustand|estado|statut|stato)", 1.0),
    ),
    "cancelled_at": (
        (rf"(?:order)?(?:cancell?ed|cancellation|storniert|storno|annule|anulado|voided)(?:{_TIME})*", 1.0),
    ),
    "currency": ((r"(?:.*)(?:currency|wahrung|waehrung|devise|moneda|valuta|divisa)(?:code)?|curr", 1.0),),
    "person": (
        (
            r"(?:first|last|full|middle|given|family|customer|user|sur|nick)?name|vorname|nachname|nom|prenom|nombre|apellidos?|"
            r"cognome|nome|gender|geschlecht|sexe|birth.*|dob|age|alter|phone.*|telefon.*|city|ort|ville|zip.*|postal.*|plz|"
            r"address.*|adresse.*|strasse|street|loyalty.*|segment",
            1.0,
        ),
    ),
}

_TAX = r"\btax|\bvat\b|mwst|\btva\b|\biva\b|steuer"

#: What tells that a time, an amount or an identifier is another one than that of the order, and by how much it is
#: less likely; words of the name are apart here.
_OTHERWISE: dict[str, tuple[tuple[str, float], ...]] = {
    "order_date": (
        (
            r"deliver|ship|estimat|updat|modif|cancel|approv|\bdue|limit|expir|birth|refund|fulfil|return|\betl|\bsent",
            0.2,
        ),
    ),
    "signup_date": ((r"\bupdat|modif|last|birth|expir|delet|cancel|order|purchase", 0.1),),
    "event_time": ((r"updat|modif|birth|expir|\betl|previous|first|session.*start", 0.3),),
    "order_amount": (
        (
            rf"{_TAX}|ship|versand|discount|rabatt|refund|\bfees?\b|cost|balance|\btips?\b|outstanding|quantity|\bcount|"
            r"items|reward|points|score|lifetime|\bltv|weight|\bid\b|status|conver|install",
            0.1,
        ),
        (r"unit|each|item|compare", 0.4),
    ),
    "customer_id": (
        (r"city|state|type|status|group|segment|zip|country|since|phone|seller|ipaddress|fingerprint", 0.1),
    ),
    "order_id": ((r"type|status|state|date|method|email|session|item|line|customer|parent|amount|total", 0.1),),
    "updated_at": ((r"by$", 0.1),),
    "quantity": ((r"account|discount|country", 0.1),),
}

#: Source -> what files and folders of it are called.
_TABLES = {
    "customers": rf"{_WHO}|crm|people|mitglieder|stammdaten|personen",
    "orders": rf"{_ORDER}|bestellungen|auftraege|auftrage|umsatz|umsaetze|rechnungen|retail|shop|sell",
    "web_events": r"events?|clicks?|clickstream|pageviews?|sessions?|hits?|logs?|tracks?|traffic|behaviou?r|activity|ga4|ga|"
    r"tracking|analytics|views|visits?|web|weblog|interactions?|actions?|enriched|ereignisse|snowplow|segment",
}

#: Tables that are none of the sources themselves, by their names.
_NO_SOURCE = (
    r"items?|lines?|positions?|positionen|payments?|zahlungen|products?|produkte|artikel|categor(?:y|ies)|sellers?|reviews?|"
    r"geo|geolocation|translation|stores?|supplies|inventory|stock|employees?|shipments?|refunds?|returns?|coupons?|prices?"
)

#: What an event type probably is, by its squashed name; the first that matches counts.
_EVENTS: tuple[tuple[str, str], ...] = (
    ("remove|delete|leave|abandon|unload|ping|scroll|impression|heartbeat|session|refund|return|fail|error|exit", ""),
    (
        "add\\w*(cart|basket|bag|warenkorb|panier|carrito)|(cart|basket|warenkorb)\\w*(add|hinzu)|productadded|itemadded",
        "add_to_cart",
    ),
    ("^(cart|basket|tocart|warenkorb|panier|carrito)$|hinzugefugt|inden(warenkorb)", "add_to_cart"),
    ("view(ed)?(cart|basket|bag)|(cart|basket)view(ed)?", ""),
    ("(begin|start|initiate)\\w*checkout|checkout(start|begin|initiate)\\w*|^checkout\\w{0,5}$|^kasse$", "checkout"),
    ("pageview|^page|view|visit|^screen|browse|besuch|seite|aufruf|vue|vista|^detail|^get$|^look", "page_view"),
)

#: Event types that are an order.
_PURCHASES = (
    "^(purchase[ds]?|order|ordered|ordercompleted|orderplaced|placedorder|completedorder|transactions?|tr|buy|bought|sale|"
    "conversion|payment|paid|orderpaid|completepurchase|checkoutcompleted|productpurchased|kauf|gekauft|bestellung|achat|compra|"
    "acquisto|ecommercepurchase|inapppurchase)$"
)

#: States in which an order is none, squashed; and those of which that has to be asked.
NO_ORDER = re.compile(
    r"cancell?ed|cancelled\w*|failed|failure|voided|void|declined|rejected|draft|checkoutdraft|autodraft|trash|expired|abandoned|"
    r"storniert|abgebrochen|annulee?|cancelad[oa]|annullat[oa]|unavailable|fraud|deleted|geloscht|blocked|requirespaymentmethod"
)
MAYBE_NO_ORDER = re.compile(
    r"refunded|\w*refund\w*|\w*return\w*|pending\w*|onhold|unpaid|\w*test\w*|disputed|chargeback|offen|retourniert|"
    r"erstattet|incomplete|created|processing|requires\w*"
)

#: What stands for nobody in a column of customers.
NOBODY = frozenset(
    ("0", "-1", "null", "none", "nan", "n/a", "na", "undefined", "guest", "(not set)", "anonymous", "unknown")
)

#: Columns of Snowplow's enriched events, in their order; the files do not name them.
_SNOWPLOW = """
    app_id platform etl_tstamp collector_tstamp dvce_created_tstamp event event_id txn_id name_tracker v_tracker v_collector
    v_etl user_id user_ipaddress user_fingerprint domain_userid domain_sessionidx network_userid geo_country geo_region geo_city
    geo_zipcode geo_latitude geo_longitude geo_region_name ip_isp ip_organization ip_domain ip_netspeed page_url page_title
    page_referrer page_urlscheme page_urlhost page_urlport page_urlpath page_urlquery page_urlfragment refr_urlscheme
    refr_urlhost refr_urlport refr_urlpath refr_urlquery refr_urlfragment refr_medium refr_source refr_term mkt_medium
    mkt_source mkt_term mkt_content mkt_campaign contexts se_category se_action se_label se_property se_value unstruct_event
    tr_orderid tr_affiliation tr_total tr_tax tr_shipping tr_city tr_state tr_country ti_orderid ti_sku ti_name ti_category
    ti_price ti_quantity pp_xoffset_min pp_xoffset_max pp_yoffset_min pp_yoffset_max useragent br_name br_family br_version
    br_type br_renderengine br_lang br_features_pdf br_features_flash br_features_java br_features_director
    br_features_quicktime br_features_realplayer br_features_windowsmedia br_features_gears br_features_silverlight br_cookies
    br_colordepth br_viewwidth br_viewheight os_name os_family os_manufacturer os_timezone dvce_type dvce_ismobile
    dvce_screenwidth dvce_screenheight doc_charset doc_width doc_height tr_currency tr_total_base tr_tax_base tr_shipping_base
    ti_currency ti_price_base base_currency geo_timezone mkt_clickid mkt_network etl_tags dvce_sent_tstamp refr_domain_userid
    refr_dvce_tstamp derived_contexts domain_sessionid derived_tstamp event_vendor event_name event_format event_version
    event_fingerprint true_tstamp
"""
SNOWPLOW: tuple[str, ...] = tuple(_SNOWPLOW.split())


@cache
def squashed(name: str) -> str:
    """A name in small letters and digits only, without accents."""
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss").replace("#", " number ").replace("№", " number "))
    return re.sub(r"[^a-z0-9]", "", plain.casefold())


def without_type(name: str) -> str:
    """A name without the type that exports of MongoDB write below it: `customer.$oid` is `customer`."""
    return re.sub(r"[.][$](?:oid|date|numberLong|numberDecimal)$", "", name)


@cache
def likeness(role: str, name: str) -> float:
    """How likely a column of this name is what `role` says, from 0 to 1, by the name alone."""
    # A nested name counts by its end, and less the more of it is left out.
    name = without_type(name)
    parts = name.split(".")
    best = 0.0
    for at in range(len(parts)):
        text = squashed(".".join(parts[at:]))
        found = next((sure for pattern, sure in _PATTERNS[role] if re.fullmatch(pattern, text)), 0.0)
        best = max(best, found * 0.97**at)
    for pattern, factor in _OTHERWISE.get(role, ()):
        if re.search(pattern, _spaced(name)):
            best *= factor
    return best


def is_identifier(name: str) -> bool:
    """Whether a column of this name identifies something."""
    return re.search(rf"\b(?:{_ID})$|(?:id|uuid|key)$", _spaced(name)) is not None


def is_tax(name: str) -> bool:
    """Whether a column of this name is a tax."""
    return re.search(_TAX, _spaced(name)) is not None


@cache
def table_likeness(source: str, name: str) -> float:
    """How likely files of this name are a source, from 0 to 1, by the name alone."""
    parts = re.findall("[a-z]+", _without_ending(name))
    told = sum(re.fullmatch(_TABLES[source], part) is not None for part in parts)
    other = any(re.fullmatch(_NO_SOURCE, part) is not None for part in parts)
    joined = re.search(rf"(?:{_TABLES[source]})$", parts[0]) is not None if len(parts) == 1 else False
    return (
        0.0
        if other and told < 2 and not (source == "orders" and parts == ["payments"])
        else 1.0
        if told
        else 0.7 * joined
    )


def is_other_table(name: str) -> bool:
    """Whether files of this name are known to be something that belongs to orders: lines, payments, products."""
    return any(re.fullmatch(_NO_SOURCE, part) for part in re.findall("[a-z]+", _without_ending(name)))


def _without_ending(name: str) -> str:
    return _spaced(re.sub(r"(?:[.](?:parquet|csv|tsv|txt|jsonl?|ndjson|gz|bz2|zst))+(?=\s|$)", "", name))


@cache
def _spaced(name: str) -> str:
    """A name in small letters without accents, its words apart."""
    plain = unicodedata.normalize("NFKD", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name))
    letters = "".join(sign for sign in plain if not unicodedata.combining(sign)).casefold()
    return " ".join(re.findall("[a-z0-9]+", letters))


def event_meaning(event_type: str) -> str:
    """The step of the funnel that an event type probably is; nothing where it is none."""
    text = squashed(event_type)
    return next((meaning for pattern, meaning in _EVENTS if re.search(pattern, text)), "")


def is_purchase(event_type: str) -> bool:
    """Whether an event type says that something was bought."""
    return re.fullmatch(_PURCHASES, squashed(event_type)) is not None
