// The models that the server offers.
import { get } from "./api";
import { store } from "./store";

export interface Model {
  id: string;
  state?: "cold" | "loading" | "ready" | "leaving";
  max_model_len?: number | null;
}

export const models = store<Model[]>([]);

export async function refreshModels(): Promise<void> {
  try {
    models.set((await get<{ data: Model[] }>("/v1/models")).data);
  } catch {
    // The page goes on with what it knew; requests say what is wrong.
  }
}
