import { render } from "preact";

import { load } from "./chat/library";
import { Shell } from "./shell";
import "./style/base.css";
import "./style/controls.css";
import "./style/shell.css";
import "./style/chat.css";
import "./style/markdown.css";
import "./style/pages.css";

void load();
render(<Shell />, document.getElementById("app")!);
