// A link to one of our own pages turns the page within this session. Opened as a link, it would load all of the app anew.
export default function ({ setTriggerValue }) {
  function follow(event) {
    if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const link = event.target.closest?.("[data-testid=stHtml] a");
    if (!link || new URL(link.href).origin !== location.origin) return;
    event.preventDefault();
    if (!link.closest(".sl-facet")) document.querySelector("[data-testid=stMain]")?.scrollTo(0, 0);
    setTriggerValue("to", link.getAttribute("href"));
  }
  document.addEventListener("click", follow);
  return () => document.removeEventListener("click", follow);
}
