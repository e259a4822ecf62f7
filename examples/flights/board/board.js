// The departures board: listens to departures/stream and shows what it hears.

const ROWS = 12;
const COLUMNS = 6;
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const LATE_MINUTES = 15;
const MORNING = "07:00";
const EVENING = "21:30";

const byId = (id) => document.getElementById(id);
const still = matchMedia("(prefers-reduced-motion: reduce)");
const controls = byId("controls");

const inNewYork = (options) => new Intl.DateTimeFormat("en-GB", { timeZone: "America/New_York", ...options });
const timeFormat = inNewYork({ hour: "2-digit", minute: "2-digit" });
const dayFormat = inNewYork({ weekday: "short", day: "numeric", month: "long", year: "numeric" });

let stream = null;
let tally = null;
// The board's time: the moment of the last event, when it came, and how fast time passes since.
let time = null;

function showClock() {
  if (time) {
    const moment = new Date(time.moment + (performance.now() - time.heard) * time.speed);
    byId("clock").textContent = timeFormat.format(moment);
    byId("day").textContent = dayFormat.format(moment);
  }
}

function setTime(moment, speed) {
  time = { moment: Date.parse(moment), heard: performance.now(), speed };
}

function showState(text, kind) {
  byId("state").textContent = text;
  byId("state").className = kind;
}

function listen(start, fresh) {
  stream?.close();
  const wish = new FormData(controls);
  const speed = Number(wish.get("speed"));
  const query = new URLSearchParams({ speed, day: wish.get("day") });
  if (wish.get("origin")) query.set("origin", wish.get("origin"));
  if (start) query.set("start", start);
  if (fresh) query.set("recent", ROWS);

  stream = new EventSource(`departures/stream?${query}`);
  stream.addEventListener("opening", (event) => {
    setTime(JSON.parse(event.data).begins, speed);
    showState("Live", "live");
  });
  for (const kind of ["departure", "cancellation"]) {
    stream.addEventListener(kind, (event) => {
      const departure = JSON.parse(event.data);
      if (Date.parse(departure.moment) >= time.moment) setTime(departure.moment, speed);
      addRow(departure);
      count(departure);
    });
  }
  stream.addEventListener("end", () => {
    stream.close(); // or the browser would connect again
    time = null;
    showState("The day is over: choose another", "");
  });
  stream.addEventListener("error", () => {
    time = null; // the clock stands still
    const refused = stream.readyState === EventSource.CLOSED;
    showState(refused ? "The stream was refused" : "Connection lost, trying again …", "lost");
  });
}

function addRow(departure) {
  const row = document.createElement("tr");
  const late = departure.delay > LATE_MINUTES;
  let remark = `Left ${timeFormat.format(new Date(departure.moment))}`;
  if (departure.status === "cancelled") remark = "Cancelled";
  else if (late) remark += `, ${duration(departure.delay)} late`;
  else if (departure.status === "scheduled") remark = "Planned";
  row.className = departure.status === "cancelled" ? "cancelled" : late ? "late" : "punctual";
  row.classList.add("fresh");
  const scheduled = timeFormat.format(new Date(departure.scheduled));
  const airline = departure.airline.replace(/ (Inc\.|Co\.|Corporation)$/, "");
  const texts = [scheduled, departure.name, departure.destination_name, airline, departure.origin, remark];
  for (const text of texts) flap(row.insertCell(), text);
  byId("rows").prepend(row);
  while (byId("rows").rows.length > ROWS) byId("rows").lastElementChild.remove();
  fillUp();
}

// A cell turns through other letters before it shows its own, from left to right.
function flap(cell, text) {
  cell.textContent = text;
  if (still.matches) return;
  let step = 0;
  const turn = () => {
    const shown = [...text].map((letter, place) =>
      letter === " " || place < step ? letter : LETTERS[Math.floor(Math.random() * LETTERS.length)]);
    cell.textContent = shown.join("");
    step += 1.5;
    if (step < text.length + 1.5) setTimeout(turn, 35);
  };
  turn();
}

function fillUp() {
  const rows = byId("rows");
  rows.querySelectorAll(".empty").forEach((row) => row.remove());
  while (rows.rows.length < ROWS) {
    const row = rows.insertRow();
    row.className = "empty";
    for (let column = 0; column < COLUMNS; column += 1) row.insertCell();
  }
}

function duration(minutes) {
  const hours = Math.floor(minutes / 60);
  return hours ? `${hours}:${String(minutes % 60).padStart(2, "0")} h` : `${minutes} min`;
}

function count(departure) {
  if (departure.status === "cancelled") tally.cancelled += 1;
  else tally.left += 1;
  if (departure.delay > LATE_MINUTES) tally.late += 1;
  showTally();
}

function showTally() {
  for (const [name, number] of Object.entries(tally)) byId(name).textContent = number;
}

function begin(start) {
  tally = { left: 0, late: 0, cancelled: 0 };
  showTally();
  byId("rows").replaceChildren();
  fillUp();
  showState("Connecting …", "");
  listen(start, true);
}

// Another speed goes on with the board as it is; another airport or day fills it anew.
controls.addEventListener("change", (event) => {
  if (!controls.reportValidity()) return;
  const now = time ? byId("clock").textContent : MORNING;
  if (event.target.name === "speed" && time) listen(now, false);
  else begin(event.target.name === "day" ? MORNING : now);
});
controls.addEventListener("submit", (event) => event.preventDefault());

async function drawBars(id, path, label, value, whole, show, sorted) {
  const answer = await fetch(path);
  if (!answer.ok) return;
  const rows = (await answer.json()).filter((row) => value(row) !== null);
  if (sorted) rows.sort((one, other) => value(other) - value(one));
  const most = whole ?? Math.max(...rows.map(value));
  byId(id).replaceChildren(...rows.map((row) => {
    const bar = document.createElement("div");
    bar.className = "bar";
    const [name, line, number] = ["span", "i", "span"].map((tag) => document.createElement(tag));
    name.textContent = name.title = label(row);
    line.style.setProperty("--part", value(row) / most);
    number.textContent = show(value(row));
    bar.append(name, line, number);
    return bar;
  }));
}

const percent = (share) => `${Math.round(share * 100)} %`;
const minutes = (number) => `${number.toFixed(1)}`;

function thisDayIn2013() {
  const parts = Object.fromEntries(
    inNewYork({ month: "2-digit", day: "2-digit" }).formatToParts(new Date()).map((part) => [part.type, part.value]));
  const day = `${parts.month}-${parts.day}`;
  return `2013-${day === "02-29" ? "02-28" : day}`;
}

// The board shows what left at this hour of this day; at night, its morning.
const now = timeFormat.format(new Date());
controls.elements.day.value = thisDayIn2013();
begin(now > MORNING && now < EVENING ? now : MORNING);
setInterval(showClock, 100);

const flights = await (await fetch("flights?limit=1")).json();
byId("total").textContent = `${flights.total.toLocaleString("en")} flights`;
await drawBars("wind", "statistics/weather/wind", (row) => row.band, (row) => row.mean_departure_delay, null, minutes);
await drawBars("visibility", "statistics/weather/visibility", (row) => row.band, (row) => row.mean_departure_delay, null, minutes);
await drawBars("airlines", "statistics/airlines", (row) => row.name, (row) => row.on_time, 1, percent, true);
