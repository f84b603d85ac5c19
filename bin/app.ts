/** What cdk.json runs. */
import { createApp } from '../lib/app.ts';

createApp({}, { environment: process.env }).synth();
