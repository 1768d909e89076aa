/** The agent's version: azure-init's, whose protocol texts (`azure-init v…`, `Azure-Init/…`, the KVP key prefix) bear it. */
export const version = "0.1.1"
