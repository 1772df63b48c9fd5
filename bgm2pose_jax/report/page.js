makePlayer(
  document.getElementById("player"),
  JSON.parse(document.getElementById("data").textContent));
