"""The pieces pages are made of: cards, tables, and words where there is nothing to draw. Only here is HTML written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import accumulate

import streamlit as st

from spanledger_dashboard.explain import Change
from spanledger_dashboard.palette import DARK, LIGHT, Palette


def palette() -> Palette:
    """Of the theme that the reader's browser shows."""
    return DARK if st.context.theme.type == "dark" else LIGHT


_HEAD, _LINE, _NOTED = 2.25, 2.375, 3.5
"""Heights of a table's rows in rem: the head, one of a line, and one with notes below."""
_HIGHEST = 32
"""What of a table is seen without scrolling in it, in rem."""


def style(colours: Palette) -> None:
    """The sheet of every page."""
    st.html(f"""<style>
    .block-container {{ padding: 2.2rem 2rem 3rem; max-width: 1480px; }}
    [data-testid="stHeader"] {{ background: transparent; }}
    [data-testid="stSidebar"] {{ border-right: 1px solid {colours.line}; }}
    [data-testid="stAppDeployButton"], [data-testid="stMainMenu"], footer {{ display: none; }}
    .st-key-sl-unseen {{ display: none; }}
    [data-testid="stPlotlyChart"] text {{ font-variant-numeric: tabular-nums; }}
    .sl-title {{ font-size: 1.65rem; font-weight: 650; letter-spacing: -.015em; line-height: 1.2;
        color: {colours.text}; }}
    .sl-sub {{ color: {colours.muted}; font-size: .86rem; font-variant-numeric: tabular-nums; margin-top: .15rem; }}
    [data-testid="stSidebarHeader"] {{ height: 2.6rem; padding-top: .6rem; }}
    [data-testid="stSidebarUserContent"] {{ padding-top: 0; }}
    [data-testid="stSidebar"] hr {{ margin: .6rem 0 .4rem; }}
    .sl-brand {{ font-size: 1.15rem; font-weight: 700; letter-spacing: -.02em; color: {colours.text}; }}
    .sl-brand i {{ display: inline-block; width: .62rem; height: .62rem; border-radius: 3px; margin-right: .5rem;
                   background: {colours.accent}; }}
    .sl-cards {{ display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)); gap: .8rem; }}
    .sl-card {{ border: 1px solid {colours.line}; border-radius: 10px; padding: .85rem 1rem .8rem;
        background: {colours.page};
                min-width: 0; }}
    .sl-card .label {{ color: {colours.muted}; font-size: .84rem; font-weight: 500; white-space: nowrap; }}
    .sl-card .value {{ color: {colours.text}; font-size: 1.72rem; font-weight: 650; letter-spacing: -.02em;
        line-height: 1.3;
                       font-variant-numeric: tabular-nums; white-space: nowrap; }}
    .sl-card .figure {{ display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 .6rem; }}
    .sl-card .change {{ font-size: .82rem; font-variant-numeric: tabular-nums; white-space: nowrap; }}
    .sl-card .foot {{ font-size: .82rem; color: {colours.muted}; font-variant-numeric: tabular-nums; line-height: 1.5;
                      overflow-wrap: anywhere; }}
    .sl-card .foot.warn {{ color: {colours.warn}; }}
    .good {{ color: {colours.good}; font-weight: 600; }} .bad {{ color: {colours.bad}; font-weight: 600; }}
    .neutral {{ color: {colours.muted}; font-weight: 600; }} .warn {{ color: {colours.warn}; font-weight: 600; }}
    .sl-head {{ font-weight: 620; font-size: .98rem; color: {colours.text}; line-height: 1.3; }}
    .sl-head small {{ color: {colours.muted}; font-weight: 400; font-size: .84rem; margin-left: .4rem; }}
    .sl-scroll {{ overflow: auto; scrollbar-width: thin; scrollbar-color: {colours.other} transparent; }}
    .sl-table {{ width: 100%; border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums;
                 color: {colours.text}; }}
    .sl-table th {{ text-align: right; font-weight: 500; color: {colours.muted}; padding: .35rem .55rem;
        white-space: nowrap;
                    border-bottom: 1px solid {colours.line}; position: sticky; top: 0; background: {colours.page}; }}
    .sl-table td {{ text-align: right; padding: .42rem .55rem; white-space: nowrap;
        border-bottom: 1px solid {colours.line}; }}
    .sl-table tr:last-child td {{ border-bottom: none; }}
    .sl-table th {{ height: {_HEAD}rem; }} .sl-table td {{ height: {_LINE}rem; }} .sl-table .noted td {{ height: {_NOTED}rem; }}
    .sl-table th:first-child, .sl-table td:first-child {{ text-align: left; padding-left: .1rem; }}
    .sl-table td:first-child {{ max-width: 15rem; overflow: hidden; text-overflow: ellipsis; }}
    .sl-table.fill td:first-child {{ width: 100%; max-width: 0; min-width: 9rem; }}
    .sl-table small {{ display: block; color: {colours.muted}; overflow: hidden; text-overflow: ellipsis; }}
    .sl-table td:not(:first-child):not(.wrap) small {{ max-width: 10.5rem; }} .sl-table td:not(.left) small {{ margin-left: auto; }}
    .sl-table td:first-child small {{ margin-left: 0; }}
    .sl-table .sl-dot ~ small {{ padding-left: 1.1rem; }}
    .sl-dot {{ display: inline-block; width: .6rem; height: .6rem; border-radius: 3px; margin-right: .5rem; }}
    .sl-bar {{ display: inline-block; width: 4.2rem; height: .42rem; border-radius: 3px; background: {colours.line};
               margin-left: .5rem; vertical-align: middle; overflow: hidden; text-align: left; }}
    .sl-bar b {{ display: block; height: 100%; border-radius: 3px; }}
    .sl-table .left {{ text-align: left; }}
    .sl-table td.wrap {{ white-space: normal; min-width: 7rem; line-height: 1.4; }}
    .sl-pill {{ display: inline-block; padding: .06rem .55rem; border-radius: 999px; font-size: .8rem; font-weight: 600;
                line-height: 1.5; border: 1px solid currentColor; }}
    .sl-pill.neutral {{ font-weight: 500; }}
    .sl-spark {{ display: inline-flex; align-items: flex-end; gap: 1px; height: 1.15rem; vertical-align: middle; }}
    .sl-spark b {{ width: 3px; border-radius: 1px; background: {colours.line}; }}
    dl.sl-facts {{ padding: 0 !important; }}  /* Streamlit indents lists */
    .sl-facts {{ margin: 0; display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.2rem; font-size: .88rem;
        color: {colours.text}; font-variant-numeric: tabular-nums; }}
    .sl-facts dt {{ margin: 0; padding: 0; color: {colours.muted}; }} .sl-facts dd {{ margin: 0; overflow-wrap: anywhere; }}
    .sl-facts.beside {{ grid-template-columns: max-content 1fr max-content 1fr; }}
    @media (max-width: 900px) {{ .sl-facts.beside {{ grid-template-columns: max-content 1fr; }} }}
    .sl-section {{ color: {colours.muted}; font-size: .74rem; font-weight: 600; letter-spacing: .05em;
        text-transform: uppercase; padding: .15rem .5rem 0; }}
    .sl-verdict {{ color: {colours.text}; font-size: .92rem; line-height: 1.5; margin: .1rem 0 .35rem; }}
    .sl-stack {{ display: flex; gap: 2px; height: .8rem; border-radius: 5px; overflow: hidden;
        background: {colours.line};
                 margin: .35rem 0 .6rem; }}
    .sl-note {{ color: {colours.muted}; font-size: .86rem; line-height: 1.5; margin: .6rem 0 0; }}
    .sl-state {{ border: 1px solid {colours.line}; border-radius: 12px; padding: 1.6rem 1.8rem;
        background: {colours.panel};
                 color: {colours.text}; max-width: 46rem; }}
    .sl-state h3 {{ margin: 0 0 .4rem; padding: 0; font-size: 1.2rem; font-weight: 650; }}
    .sl-state p {{ margin: .25rem 0; color: {colours.muted}; line-height: 1.55; }}
    .sl-state code {{ background: {colours.page}; border: 1px solid {colours.line}; border-radius: 5px;
        padding: .05rem .35rem;
                      color: {colours.text}; font-size: .85em; }}
    .sl-table a {{ color: inherit; text-decoration: none; font-weight: 560; }} .sl-table a:hover {{ text-decoration: underline; }}
    .sl-link {{ color: {colours.accent}; font-size: .88rem; margin-right: 1.4rem; }}
    .sl-note code {{ background: {colours.panel}; border-radius: 4px; padding: .05rem .3rem; color: {colours.text};
        overflow-wrap: anywhere; font-size: .95em; }}
    .sl-facet a {{ display: flex; gap: .5rem; color: {colours.text}; text-decoration: none; font-size: .85rem;
        line-height: 1.75; border-radius: 5px;
        padding: 0 .4rem; font-variant-numeric: tabular-nums; }}
    .sl-facet a:hover {{ background: {colours.panel}; }} .sl-facet a.on {{ background: {colours.panel}; font-weight: 600;
        color: {colours.accent}; }}
    .sl-facet span {{ flex: 1; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }}
    .sl-facet em {{ font-style: normal; color: {colours.muted}; }} .sl-facet .sl-section {{ padding: .5rem .4rem .1rem; }}
    @media (max-width: 900px) {{ .sl-cards {{ grid-template-columns: repeat(2, minmax(0, 1fr)); }} }}
    </style>""")


@dataclass(frozen=True)
class Card:
    """A figure, how it changed, and what has to be known beside it."""

    label: str
    value: str
    change: Change | None = None
    note: str = ""
    warn: bool = False
    """Whether the note is a thing to look at."""


def cards(shown: Sequence[Card]) -> None:
    st.html('<div class="sl-cards">' + "".join(_card(card) for card in shown) + "</div>")


def _card(card: Card) -> str:
    change = ""
    if card.change is not None:
        tone, text = card.change.tone, escape(card.change.text)
        change = f'<span class="change {tone}" title="against the period before">{text}</span>'
    return (
        f'<div class="sl-card"><div class="label">{escape(card.label)}</div>'
        f'<div class="figure"><span class="value">{escape(card.value)}</span>{change}</div>'
        f'<div class="foot {"warn" if card.warn else ""}">{escape(card.note) or "&nbsp;"}</div></div>'
    )


def heading(text: str, beside: str = "") -> None:
    st.html(f'<div class="sl-head">{escape(text)}<small>{escape(beside)}</small></div>')


def title(text: str, below: str) -> None:
    st.html(f'<div class="sl-title">{escape(text)}</div><div class="sl-sub">{escape(below)}</div>')


@dataclass(frozen=True)
class Cell:
    text: str
    dot: str = ""
    bar: float | None = None
    """Length of a bar beside the text, between 0 and 1."""
    tone: str = ""
    note: str = ""
    """Below the text, smaller."""
    bar_colour: str = ""
    """Of the bar; empty for the accent."""
    pill: bool = False
    """A state: the text in a frame of its tone."""
    spark: Sequence[float] = ()
    """Small bars in place of the text, which is then only said on pointing: one a bucket of time."""
    wrap: bool = False
    """Prose: broken into lines where it is long."""
    href: str = ""
    """What the text leads to."""


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    accent: str,
    left: Sequence[int] = (),
    whole: bool = False,
    fill: bool = False,
) -> None:
    """`whole`: all rows are seen, however many. `fill`: the first column takes what the others leave, and no more.
    The first column left, and those numbered in `left`; figures right."""

    def side(index: int) -> str:
        return "left" if index in left else ""

    head = "".join(f'<th class="{side(index)}">{escape(column)}</th>' for index, column in enumerate(columns))
    body = "".join(
        f'<tr class="{"noted" if _noted(row) else ""}">'
        + "".join(_cell(cell, accent, side(index)) for index, cell in enumerate(row))
        + "</tr>"
        for row in rows
    )
    rows_and_head = (
        f'<table class="sl-table{" fill" if fill else ""}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    )
    height = "" if whole else _seen(rows)
    st.html(f'<div class="sl-scroll" style="{height}">{rows_and_head}</div>')


def _noted(row: Sequence[Cell]) -> bool:
    return any(cell.note for cell in row)


def _seen(rows: Sequence[Sequence[Cell]]) -> str:
    """The style of a long table: as high as its head and so many whole rows as are seen at once. A row is not cut in two."""
    heights = list(accumulate((_NOTED if _noted(row) else _LINE for row in rows), initial=_HEAD))
    if heights[-1] <= _HIGHEST:
        return ""
    return f"max-height:{max(height for height in heights if height <= _HIGHEST)}rem"


def _cell(cell: Cell, accent: str, side: str) -> str:
    dot = f'<span class="sl-dot" style="background:{cell.dot}"></span>' if cell.dot else ""
    bar = ""
    if cell.bar is not None:
        width = max(0.0, min(1.0, cell.bar)) * 100
        bar = f'<span class="sl-bar"><b style="width:{width:.1f}%;background:{cell.bar_colour or accent}"></b></span>'
    kinds = f"{'sl-pill ' if cell.pill else ''}{cell.tone}".strip()
    text = f'<span class="{kinds}">{escape(cell.text)}</span>' if kinds else escape(cell.text)
    if cell.href:
        text = f'<a href="{escape(cell.href)}">{text}</a>'
    note = f'<small title="{escape(cell.note)}">{escape(cell.note)}</small>' if cell.note else ""
    classes = f"{side} {'wrap' if cell.wrap else ''}".strip()
    return f'<td class="{classes}" title="{escape(cell.text)}">{dot}{_spark(cell) or text}{bar}{note}</td>'


def _spark(cell: Cell) -> str:
    top = max(cell.spark, default=0.0)
    if not top:
        return ""
    bars = "".join(
        f'<b style="height:{max(8.0, value / top * 100):.0f}%;background:{cell.bar_colour}"></b>'
        if value
        else '<b style="height:8%"></b>'
        for value in cell.spark
    )
    return f'<span class="sl-spark" role="img" aria-label="{escape(cell.text)}">{bars}</span>'


def facts(pairs: Sequence[tuple[str, str]], beside: bool = False) -> None:
    """Names and what they are, below each other, or two in a line where `beside`; what is not known is left out."""
    known = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in pairs if text)
    st.html(f'<dl class="sl-facts{" beside" if beside else ""}">{known}</dl>')


def links(shown: Sequence[tuple[str, str]]) -> None:
    """Addresses and what is said of them, in a line."""
    st.html("".join(f'<a class="sl-link" href="{escape(href)}">{escape(text)}</a>' for href, text in shown))


def section(name: str) -> None:
    st.html(f'<div class="sl-section">{escape(name)}</div>')


def verdict(pill: str, tone: str, text: str) -> None:
    st.html(f'<div class="sl-verdict"><span class="sl-pill {tone}">{escape(pill)}</span>&ensp;{escape(text)}</div>')


def stack(shares: Sequence[tuple[float, str, str]]) -> None:
    """One bar of a whole: share, colour, words."""
    pieces = "".join(
        f'<div style="flex:{share:.6f} 0 3px;background:{colour}" title="{escape(words)}"></div>'
        for share, colour, words in shares
        if share > 0
    )
    st.html(f'<div class="sl-stack" role="img">{pieces}</div>')


def state(headline: str, *paragraphs: str) -> None:
    """Nothing to draw, and why. In a paragraph, text between backquotes is code."""
    body = "".join(f"<p>{_with_code(paragraph)}</p>" for paragraph in paragraphs)
    st.html(f'<div class="sl-state"><h3>{escape(headline)}</h3>{body}</div>')


def note(text: str) -> None:
    """A sentence below what it explains; `code` in backticks."""
    st.html(f'<p class="sl-note">{_with_code(text)}</p>')


def _with_code(text: str) -> str:
    pieces = escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if index % 2 else piece for index, piece in enumerate(pieces))
